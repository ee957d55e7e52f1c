'use strict';
// Becomes dist/imagegc.cjs: runs main.cjs beside it with the code that V8 compiled for the same command before. Node's own compile cache
// keeps only what is compiled at once, not the 700 functions that a command then calls, and to compile those took a third of it.
const { readFileSync, renameSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { Script } = require('node:vm');

/** Of the bundle, written here by tools/build.mjs: V8 itself tells one source from another by its length alone. */
const BUNDLE_HASH = '';
const bundle = join(__dirname, 'main.cjs');
/** Per command, since each calls other functions. Beside the bundle, so whoever can write it could write the bundle as well. */
const command = /^[a-z]+$/.test(process.argv[2]) ? process.argv[2] : 'other';
const cache = join(__dirname, `main-${BUNDLE_HASH}-${process.version}-${process.arch}-${command}.cache`);

/**
 * The cache is there twice, which costs less than to load what could sum it up.
 *
 * @returns undefined when there is none, or it is not what was written: V8 would not notice
 */
function readCache() {
  try {
    const file = readFileSync(cache);
    const data = file.subarray(0, file.length / 2);
    return data.length > 0 && data.equals(file.subarray(data.length)) ? data : undefined;
  } catch {
    return undefined;
  }
}

/** Where nothing may be written, every start compiles. */
function writeCache(script) {
  try {
    const data = script.createCachedData();
    const partial = `${cache}.${process.pid}`;
    writeFileSync(partial, Buffer.concat([data, data]), { flag: 'wx', mode: 0o644 });
    renameSync(partial, cache);
  } catch {}
}

/** In a function of its own, so that neither the text nor the cache is kept for as long as a daemon runs. */
function compile() {
  const cachedData = readCache();
  const source = `(function (exports, require, module, __filename, __dirname) {${readFileSync(bundle, 'latin1')}\n})`;
  const script = new Script(source, { filename: bundle, cachedData });
  // A command that failed has not called all that it calls otherwise; an unknown one is no command.
  if (cachedData === undefined || script.cachedDataRejected) process.on('exit', (status) => status === 0 && writeCache(script));
  return script.runInThisContext();
}

compile()(exports, require, module, bundle, __dirname);
