// Stands in front of the bundle in the single executable: a daemon starts itself once more, in the same process, with the flags that
// bin/imagegc gives it (docs/decisions/0006). A service that may not write memory and run it passes them itself: docs/install.md.
if (process.argv[2] === 'daemon' && typeof globalThis.gc === 'undefined') {
  const flags = '--jitless --max-semi-space-size=1 --expose-gc --use-openssl-ca';
  process.execve(process.execPath, [process.argv0, `--node-options=${flags}`, ...process.argv.slice(2)], process.env);
}
// What the bundle reads when it needs it lies in the executable too.
const builtin = require;
const loaded = new Map();
// biome-ignore lint/suspicious/noGlobalAssign: it is a parameter of the function that this text becomes.
require = (name) => {
  if (!name.startsWith('./')) return builtin(name);
  const known = loaded.get(name);
  if (known !== undefined) return known.exports;
  const file = { exports: {} };
  loaded.set(name, file);
  const text = builtin('node:sea').getAsset(name.slice(2), 'utf8');
  builtin('node:vm').compileFunction(text, ['exports', 'require', 'module'])(file.exports, builtin, file);
  return file.exports;
};
