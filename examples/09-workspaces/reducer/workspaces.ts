// Has a plan fill each workspace that it is told of, keeps what came of it, and commits the tree as a version.

import { event, reduce, type Variant } from "@agentos/kernel/sdk";

interface Summary {
  readonly version: number | null;
  readonly root_hash: string;
  readonly entry_count: number;
  readonly diff_count: number;
}
interface State {
  readonly workspaces: Readonly<Record<string, Summary>>;
}
interface Seeded extends Omit<Summary, "version"> {
  readonly workspace: string;
  readonly expected_head: number | null;
  readonly owner: string;
}
type Event = Variant<{ Start: { readonly workspaces: readonly string[]; readonly owner: string }; Seeded: Seeded }>;

export default reduce<State, Event>((state, input) => {
  const now = state ?? { workspaces: {} };
  if (input.$tag === "Start") {
    const { workspaces, owner } = input.$value;
    return { state: now, events: workspaces.map((workspace) => event("demo/WorkspaceSeed@1", { workspace, owner })) };
  }
  const { workspace, expected_head, owner, ...found } = input.$value;
  const before = now.workspaces[workspace];
  if (before !== undefined && before.root_hash === found.root_hash && before.entry_count === found.entry_count && before.diff_count === found.diff_count) return { state: now };
  const version = (expected_head ?? before?.version ?? 0) + 1;
  return {
    state: { workspaces: { ...now.workspaces, [workspace]: { version, ...found } } },
    events: [event("sys/WorkspaceCommit@1", { workspace, expected_head, meta: { root_hash: found.root_hash, owner, created_at: 0 } })],
  };
});
