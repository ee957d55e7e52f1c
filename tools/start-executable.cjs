// Stands in front of the bundle in the single executable: a daemon starts itself once more, in the same process, with the flags that
// bin/imagegc gives it (docs/decisions/0006). A service that may not write memory and run it passes them itself: docs/install.md.
if (process.argv[2] === 'daemon' && typeof globalThis.gc === 'undefined') {
  const flags = '--jitless --max-semi-space-size=2 --expose-gc';
  process.execve(process.execPath, [process.argv0, `--node-options=${flags}`, ...process.argv.slice(2)], process.env);
}
