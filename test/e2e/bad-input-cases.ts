/** What can be given to the product that it must refuse, each with what it must say. `@/` is the folder of the test. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { asNobody, type Circumstances, type FalseEngine, speakHttp, withMounts } from './bad-world.ts';

/** Exit statuses of `docs/design.md` §9. */
export const FAILED = 1;
export const USAGE = 2;
export const KEPT_BACK = 3;

/** A claim, the words of a command, its exit status, what is said. */
type Case = readonly [title: string, command: string, status: number, says: RegExp];

/** Settings files that are wrong. */
export const SETTINGS: readonly (readonly [title: string, toml: string, says: RegExp])[] = [
  [
    'an unknown key is refused with the key that was meant',
    '[rules]\nunused_fro = "7d"',
    /line 2: rules\.unused_fro.*did you mean rules\.unused_for\?/,
  ],
  ['an unknown table is refused with the table that was meant', '[rule]\nunused_for = "7d"', /line 1: rule .*did you mean \[rules\]\?/],
  ['a duration without unit is refused', '[rules]\nunused_for = "7"', /"7" is not a duration; write .* such as "7d"/],
  ['a duration without quotes is refused', '[rules]\nunused_for = 7', /unused_for = 7: write a duration in quotes/],
  ['a low above its high is refused', '[rules.disk]\nhigh = "70%"\nlow = "80%"', /line 3: .*above rules\.disk\.high = "70%" .* line 2/],
  ['a low without a high is refused', '[rules.disk]\nlow = "80%"', /it means nothing without rules\.disk\.high; set that too/],
  [
    'a pattern that no name can match is refused',
    '[protect]\nreferences = ["team/UP*"]',
    /no image can have such a name: "UP1" .*lower-case/,
  ],
  ['a pattern of nothing is refused', '[protect]\nreferences = [""]', /an empty pattern matches nothing/],
  ['a digest that is none is refused', '[protect]\nreferences = ["app@sha256:12"]', /matches no digest: write sha256: and 64 hex digits/],
  ['a word for true or false is refused', 'enabled = "no"', /enabled = "no": write true or false, without quotes/],
  ['a time without a unit is refused wherever it stands', '[rules.containers]\nexited_for = 7', /rules\.containers\.exited_for = 7/],
  ['a file that is not TOML is refused with the place', '[rules\n', /line 1: this is not TOML, at column 7/],
];

/** Commands that cannot be done; all are given a good store. */
export const COMMANDS: readonly Case[] = [
  [
    'a missing settings file is an error where it was named',
    'config show --config @/none',
    USAGE,
    /@\/none\): there is no such file\n {2}hint: .*--config/,
  ],
  [
    'a directory for settings file is refused',
    'config show --config @/folder',
    USAGE,
    /@\/folder\): this is a directory; name a TOML file/,
  ],
  ['a circle of links for settings file is refused', 'plan --config @/circle', USAGE, /@\/circle\): its symbolic links run in a circle/],
  [
    'a missing socket is named',
    'plan --engine-address unix://@/none.sock',
    FAILED,
    /unix:\/\/@\/none\.sock\): there is no such socket\n {2}hint: is the engine running/,
  ],
  ['a file for a socket is refused', 'plan --engine-address unix://@/text', FAILED, /@\/text\): nothing listens there/],
  [
    'a port at which nothing listens is named',
    'plan --engine-address tcp://127.0.0.1:1',
    FAILED,
    /tcp:\/\/127\.0\.0\.1:1\): nothing listens there\n {2}hint: is the engine running/,
  ],
  [
    'another transport is refused',
    'plan --engine-address npipe:////./pipe/docker_engine',
    USAGE,
    /npipe:.*write "auto", or where it listens: "unix:\/\//,
  ],
  [
    'a truncated inventory is refused',
    'plan --inventory @/cut.json',
    USAGE,
    /@\/cut\.json\): this is not whole JSON.*\n {2}hint: "imagegc export"/,
  ],
  [
    'an inventory of another version is refused',
    'plan --inventory @/v2.json',
    USAGE,
    /version that this program does not know \("imagegc\.inventory\/2"\)/,
  ],
  ['random bytes are no inventory', 'plan --inventory @/random', USAGE, /@\/random\): this is not whole JSON/],
  ['a directory is no inventory', 'plan --inventory @/folder', USAGE, /@\/folder\): this is a directory/],
  ['a missing inventory is refused', 'plan --inventory @/none', USAGE, /@\/none\): there is no such file/],
  [
    'use records without an inventory are refused',
    'plan --uses @/random',
    USAGE,
    /--uses\): .*inventory file.*\n {2}hint: add --inventory FILE/,
  ],
  ['random bytes are no use records', 'plan --inventory @/good.json --uses @/random', USAGE, /@\/random\): this is not whole JSON/],
  ['a moment that is none is refused', 'plan --inventory @/good.json --at soon', USAGE, /"soon" is not a time; write an RFC 3339 time/],
  [
    'an image_use of random bytes is refused',
    'import image_use @/random',
    USAGE,
    /@\/random\): none of its \d+ lines is a use record; line \d+: .*\n {2}hint: a line is/,
  ],
  ['a directory is no image_use', 'import image_use @/folder', USAGE, /@\/folder\): this is a directory/],
  ['only image_use can be imported', 'import uses @/text', USAGE, /'uses' is invalid.*image_use/],
  ['a size without unit is refused', 'plan --free 5', USAGE, /"5" is not a size; write .* such as "5GB"/],
  ['a size of a unit that is none is refused', 'collect --yes --free 5QB', USAGE, /"5QB" is not a size; write/],
  ['an unknown command is refused', 'plna', USAGE, /unknown command 'plna' \(Did you mean plan\?\)\n {2}hint: "imagegc help"/],
  ['an unknown flag is refused', 'plan --jsno', USAGE, /unknown option '--jsno' \(Did you mean --json\?\)/],
  ['a collection that nobody can confirm is refused', 'collect', USAGE, /nobody can be asked .*\n {2}hint: add --yes/],
  ['a pin that no name can match is refused', 'pin app:[x', USAGE, /cannot pin \(app:\[x\): no image can have such a name/],
  ['a pin that ends in the past is refused', 'pin app --until 2001-01-01', USAGE, /--until 2001-01-01\): this is in the past/],
  ['a pin that ends at no moment is refused', 'pin app --until soon', USAGE, /write a day \(.*\), a time \(.*\) or a duration/],
  ['a pin that is not there cannot be taken back', 'unpin app', FAILED, /there is no such pin\n {2}hint: "imagegc pin" lists/],
  [
    'a store path that is a file is refused',
    'pin app --store-path @/text',
    USAGE,
    /@\/text\): a file is in its place\n {2}hint: set \[store\] path/,
  ],
  ['a store path below a file is refused', 'pin app --store-path @/text/store', USAGE, /@\/text\/store\): a file is in its place/],
  [
    'a store path where nothing can be made is refused',
    'pin app --store-path /proc/imagegc',
    FAILED,
    /\(\/proc\/imagegc\): .*\n {2}hint: set \[store\] path/,
  ],
  [
    'a store path of a circle of links is refused',
    'pin app --store-path @/circle',
    FAILED,
    /@\/circle\): .*\n {2}hint: set \[store\] path/,
  ],
  [
    'a directory for the database is left alone',
    'pin app --store-path @/odd',
    FAILED,
    /odd\/imagegc\.db\): there is a directory .*\n {2}hint: move it away/,
  ],
];

const GARBAGE = 'SSH-2.0-OpenSSH_9.2\r\n';
/** What answers where a Docker Engine should. */
export const ENGINES: readonly (readonly [title: string, engine: FalseEngine, says: RegExp])[] = [
  [
    'a socket that speaks garbage',
    {
      raw: (socket) =>
        void socket
          .on('error', () => undefined)
          .resume()
          .end(GARBAGE),
    },
    /not HTTP .*\n {2}hint: does a container engine listen there/,
  ],
  ['a socket that closes at once', { raw: (socket) => void socket.destroy() }, /closed before the answer was whole\n {2}hint: .*try again/],
  ['a web server', speakHttp(null, '<html>'), /names no API version\n {2}hint: does a Docker engine listen there/],
  ['something that is half an engine', speakHttp('1.45', '<html>'), /it is not JSON\n {2}hint: does a container engine/],
  [
    'an engine that answers something else',
    speakHttp('1.45', '{"hello":1}'),
    /GET \/info\): it has no "ID"\n {2}hint: does a container engine of a supported version/,
  ],
  [
    'an engine that refuses',
    speakHttp('1.45', '{"message":"the disk is on fire"}', 500),
    /status 500: the disk is on fire\n {2}hint: .*log/,
  ],
  ['an engine that is too old', speakHttp('1.30', ''), /it speaks 1\.30, and 1\.41 is needed\n {2}hint: update/],
];

/** The store on a small file system without a byte left; for sh. The real one is in /mnt. */
const FULL_DISK = `
mount --bind "$STORE" /mnt
mount -t tmpfs -o size=128k none "$STORE"
cp -a /mnt/. "$STORE"
cat /dev/zero > "$STORE/filler" 2> /dev/null || true
`;
/** The same, but there was no store yet. */
const FULL_NEW_DISK = FULL_DISK.replace(/cp .*/, '');
/** The database is the same byte for byte, and can be written once there is room. */
const CHECK_OLD = `
cmp /mnt/imagegc.db "$STORE/imagegc.db" >&2
rm "$STORE/filler"
"$1" pin app --store-path "$STORE" > /dev/null 2>&1 || echo "it cannot be written any more" >&2`;
const CHECK_NEW = '[ "$(ls "$STORE")" = filler ] || ls "$STORE" >&2';
/** The store where nobody can write; for sh. */
const READ_ONLY_DISK = `
mount --bind "$STORE" "$STORE"
mount -o remount,bind,ro "$STORE"
`;

/** Ways to spoil the database. */
export const DAMAGES: readonly (readonly [title: string, spoil: (path: string) => void])[] = [
  ['a store of random bytes', (path) => writeFileSync(path, randomBytes(20_000))],
  ['an emptied store', (path) => writeFileSync(path, '')],
  ['a truncated store', (path) => truncateSync(path, 9_000)],
  ['the database of another program', writeForeignDatabase],
  ['a store with a record of which one bit flipped', flipBitOfRecord],
];

/** In a moment of its own clock that a record tells: of every copy that lies in the file, the old ones too. */
function flipBitOfRecord(path: string): void {
  const text = readFileSync(path, 'latin1');
  assert.match(text, RECORD_BODY);
  const flip = (start: string): string => start.slice(0, -1) + String.fromCharCode(start.charCodeAt(start.length - 1) ^ 1);
  writeFileSync(path, text.replaceAll(RECORD_BODY, flip), 'latin1');
}

const RECORD_BODY = /\[0,\d+,\d{8}/g;

function writeForeignDatabase(path: string): void {
  rmSync(path);
  using database = new DatabaseSync(path);
  database.exec('CREATE TABLE theirs (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO theirs (name) VALUES (1), (2)');
}

/** Why a store cannot be written, and how to get there; `$STORE` is its directory. */
export const OBSTACLES: readonly (readonly [title: string, circumstances: () => Circumstances, problem: RegExp])[] = [
  ['a full disk', () => withMounts(FULL_DISK, CHECK_OLD), /file system is full\n {2}hint: free some space/],
  ['a full disk without a store', () => withMounts(FULL_NEW_DISK, CHECK_NEW), /file system is full\n {2}hint: free some space/],
  ['a read-only disk', () => withMounts(READ_ONLY_DISK), /mounted read-only\n {2}hint: mount the file system for writing/],
  ['a store of another user', asNobody, /permission denied\n {2}hint: run as the user that owns the store/],
];
