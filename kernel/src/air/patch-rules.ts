// What each code of a patch document means, in one sentence: what `aos explain` prints, beside the rules of a control plane.

const TEXT: Readonly<Record<string, string>> = {
  "patch.base": "A patch applies to the one manifest it was made for.",
  "patch.empty": "A patch, or one of its operations, says nothing: there is nothing to apply.",
  "patch.exists": "`add_def` adds a name that is free; `replace_def` changes one that is not.",
  "patch.kind": "An operation on a definition gives the kind that its node has.",
  "patch.missing": "A patch replaces, removes or unlists something that the base does not have.",
  "patch.name": "A replaced definition keeps its name.",
  "patch.op": "An operation is an object with one key, which is the name of an operation.",
  "patch.pre_hash": "The base holds something else than the author of the patch saw, so the patch would overwrite another change.",
  "patch.ref_hash": "A patch gives a hash for a reference that is not that of what it refers to.",
  "patch.reserved": "Names under `sys/` belong to the builtin catalog: they can be listed, and builtin modules can be given code, nothing more.",
  "patch.unknown_key": "A patch document has a key that nothing reads: a slip would silently leave something as it is.",
};

/** One sentence for each code that begins with `patch.`. */
export const PATCH_RULES: ReadonlyMap<string, string> = new Map(Object.entries(TEXT));
