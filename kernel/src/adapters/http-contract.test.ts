import { adapterContract } from "../testing/adapter-contract.ts";
import { utf8 } from "../air/hash.ts";
import { httpAdapter } from "./http.ts";

adapterContract({
  name: "http",
  make: ({ blobs, clock }) => httpAdapter({ blobs, clock }, { bodyBytesMax: 256 * 1024 }),
  async calls({ blobs, url, canary }) {
    const capParams = { hosts: ["127.0.0.1"] };
    const params = { method: "GET", url: `${url}/a?b=c`, headers: { "x-secret": canary, authorization: `Bearer ${canary}` }, body_ref: null };
    return {
      get: { effect: "http.request", params, capParams },
      put: { effect: "http.request", params: { ...params, method: "PUT", body_ref: await blobs.put(utf8(`{"key":"${canary}"}`)) }, capParams },
    };
  },
  answer: (_, response) => void response.end("well"),
  passes: ["echo"],
});
