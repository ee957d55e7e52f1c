import { dirname } from 'node:path';
import { formatByteSize } from '../../model/byte-size.ts';
import { readOrNull } from '../../model/error.ts';
import { formatEngineAddress } from '../../runtime/engine-transport.ts';
import { readDisk } from '../../runtime/image-filesystem.ts';
import { listCandidates } from '../engine-address.ts';
import { type HostFacts, readHostFacts } from '../host-facts.ts';
import { writeOutput } from '../input-file.ts';
import { usageError } from '../output/error-text.ts';
import { answer, type Desk } from '../session.ts';
import { settingsFolder } from '../settings/load-settings.ts';
import type { SettingPath } from '../settings/setting-keys.ts';
import { parseSettingsFile } from '../settings/settings-file.ts';
import { formatSettingsText } from '../settings/settings-text.ts';

const IMAGES_PATH = '/var/lib/docker';

/** `imagegc init [FILE]`: writes a commented settings file after a look at the host. One that sets anything is never overwritten. */
export function runInit(desk: Desk, named: string | undefined): number {
  const { world } = desk;
  const file = named ?? `${settingsFolder({ ...world, isRoot: world.userId === 0 })}/config.toml`;
  const isPrinted = file === '-';
  const there = isPrinted ? null : readOrNull(() => world.readFile(file));
  const { entries, problems } = parseSettingsFile(file, there ?? '');
  if (entries.length + problems.length > 0)
    throw usageError('write settings', file, 'it is there and sets something', 'name another file, or "-" to see what would be written');
  const facts = readHostFacts(world, IMAGES_PATH);
  const [profile, why] = suggest(facts);
  const disk = readDisk(IMAGES_PATH) ?? readDisk('/');
  const engine = listCandidates(world).find(({ state }) => state !== 'absent');
  const head = [
    'Settings of imagegc, written by "imagegc init" after a look at this host. What stands behind a # is the default.',
    `Engine: ${engine === undefined ? 'none was found; set engine.address' : formatEngineAddress(engine.address)}`,
    `Disk: ${disk === null ? 'unknown' : `${formatByteSize(disk.capacityBytes)}, ${formatByteSize(disk.availableBytes)} free`}, ${facts.storage ?? 'of unknown kind'}`,
    ...facts.collectors.map((name) => `Also removes images here: ${name}. Turn it off.`),
    `Profile: ${profile === '' ? 'none' : profile}, because ${why}`,
    '',
  ];
  const set = new Map<SettingPath, unknown>(profile === '' ? [['rules.disk.high', '85%']] : [['profile', profile]]);
  const text = formatSettingsText({ head, set, hasOthers: true });
  if (!isPrinted) {
    world.makeStoreFolder(dirname(file));
    writeOutput(world, file, text);
  }
  const done = `Wrote ${file}: ${head.at(-2)}. See it with "imagegc plan".\n`;
  return answer(desk, { json: () => ({ format: 'imagegc.init/1', file, profile }), text: () => (isPrinted ? text : done) });
}

function suggest({ kubelet, storage, hasBattery, builder }: HostFacts): readonly [profile: string, why: string] {
  if (kubelet !== null) return ['kubernetes', `a kubelet collects here from ${kubelet.high} on (${kubelet.path})`];
  if (storage === 'flash card') return ['edge', 'images lie on a flash card, as in devices'];
  if (builder !== null) return ['build-host', `${builder} runs here`];
  if (hasBattery) return ['laptop', 'there is a battery'];
  return ['', 'nothing tells what kind of host this is; room is made from 85 % on'];
}
