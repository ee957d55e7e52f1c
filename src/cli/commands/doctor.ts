import { look, storeKey } from '../../collect/look.ts';
import { neededBy, type Repair, repairHolds, sortHolds } from '../../collect/repair.ts';
import { OperatingError } from '../../model/error.ts';
import { isHeld } from '../../runtime/engine-lock.ts';
import { formatEngineAddress } from '../../runtime/engine-transport.ts';
import { type Candidate, listCandidates } from '../engine-address.ts';
import { readHostFacts } from '../host-facts.ts';
import { EXIT } from '../output/error-text.ts';
import { renderRepairs } from '../output/render-report.ts';
import { paint, printable } from '../output/style.ts';
import { addressesOf, answer, type Desk, deskFor, joinStore, lookContext, openEngine, type Session } from '../session.ts';
import { describeHolder, lockStore } from './collecting.ts';

/** One thing looked at. `bad`: something is wrong; `note`: it works, with less. */
interface Finding {
  readonly subject: 'settings' | 'engine' | 'store' | 'clock' | 'daemon' | 'disk' | 'collector' | 'holds' | 'kubelet';
  readonly state: 'good' | 'note' | 'bad';
  readonly message: string;
  readonly hint: string | null;
}

/** `imagegc doctor [--repair]`: engine, permissions, clock, store, settings: what is wrong, and what to do. */
export async function runDoctor(desk: Desk, { repair = false }: { readonly repair?: boolean }): Promise<number> {
  const findings: Finding[] = [checkSettings(desk), checkClock(desk), await checkDaemon(desk), ...checkHost(desk)];
  const addresses = addressesOf(desk);
  // Where there is none, asking for one says so.
  for (const one of addresses.length > 1 ? addresses.map((address) => deskFor(desk, address)) : [desk])
    findings.push(...(await checkOne(one, repair)));
  findings.push(...checkPlaces(desk, addresses));
  answer(desk, {
    json: () => ({ format: 'imagegc.doctor/1', findings }),
    text: () => findings.map((finding) => renderFinding(finding, desk)).join(''),
  });
  return findings.some(({ state }) => state === 'bad') ? EXIT.failed : EXIT.done;
}

/** One engine, and what is recorded of it. */
async function checkOne(desk: Desk, repair: boolean): Promise<readonly Finding[]> {
  let reached: Finding['subject'] = 'engine';
  const findings: Finding[] = [];
  try {
    const runtime = await openEngine(desk);
    findings.push(good('engine', runtime.identity.title));
    reached = 'store';
    using session = joinStore(desk, runtime, repair ? 'write' : 'read');
    findings.push(checkStore(session), ...(await checkInside(session, repair)));
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    const subject = error.kind.startsWith('engine') ? 'engine' : error.kind === 'lock-held' ? 'collector' : reached;
    findings.push(bad(subject, error.message, error.hint));
  }
  return findings;
}

function renderFinding({ subject, state, message, hint }: Finding, { look }: Desk): string {
  const sign = { good: paint('green', 'ok  ', look), note: paint('yellow', 'note', look), bad: paint('red', 'BAD ', look) }[state];
  return `${sign} ${subject.padEnd(9)} ${printable(message)}\n${hint === null ? '' : `               ${printable(hint)}\n`}`;
}

type Say = (subject: Finding['subject'], message: string, hint?: string | null) => Finding;
const sayer =
  (state: Finding['state']): Say =>
  (subject, message, hint = null) => ({ subject, state, message, hint });
const [good, note, bad] = [sayer('good'), sayer('note'), sayer('bad')];

function checkSettings({ loaded }: Desk): Finding {
  const message = loaded.files.length === 0 ? 'defaults, no file' : loaded.files.join(', ');
  if (loaded.settings.enabled) return good('settings', message);
  return note('settings', `${message}; enabled = false, so nothing is ever removed`);
}

function checkClock({ world }: Desk): Finding {
  const { bootId, isSynchronised } = world.readClock();
  if (bootId === null) {
    const hint = 'mount /proc, or let this user read /proc/sys/kernel/random/boot_id';
    return bad('clock', 'the kernel does not tell its boot ID: no age can be proven, nothing is removed', hint);
  }
  if (isSynchronised) return good('clock', 'synchronised');
  const hint = 'images age by observed uptime alone; see docs/time.md';
  return note('clock', 'not known to be synchronised: powered-off time does not count', hint);
}

async function checkDaemon(desk: Desk): Promise<Finding> {
  const lock = await lockStore(desk);
  if (isHeld(lock))
    return good('daemon', `${describeHolder(lock)} keeps this store; /healthz at ${desk.loaded.settings['http.listen']} tells more`);
  lock.release();
  const hint = 'run "imagegc daemon" as a service (docs/daemon.md)';
  return note('daemon', 'none keeps this store: uses between two looks are not seen', hint);
}

function checkHost({ world, loaded }: Desk): readonly Finding[] {
  const { storage, kubelet, collectors } = readHostFacts(world, loaded.settings['store.path']);
  const high = loaded.settings['rules.disk.high'];
  const theirs = Number.parseFloat(String(kubelet?.high)) / 100;
  const isLate = kubelet !== null && !(high !== null && high < theirs) && !Number.isNaN(theirs);
  return [
    ...collectors.map((name) =>
      bad('collector', `${name} removes images too, and knows no last use`, 'turn it off; docs/migration takes over its settings'),
    ),
    ...(storage === 'flash card'
      ? [note('disk', 'the store lies on a flash card, which wears', 'profile = "edge" removes at a pace; see docs/performance.md')]
      : []),
    ...(isLate
      ? [
          note(
            'kubelet',
            `it collects from ${kubelet.high} on, before imagegc does`,
            'set rules.disk.high below that, as profile = "kubernetes" does',
          ),
        ]
      : []),
  ];
}

/** Where else an engine may listen. @param chosen those that are used; none: the error names all places */
function checkPlaces({ world }: Desk, chosen: readonly string[]): readonly Finding[] {
  if (chosen.length === 0) return [];
  const others = Map.groupBy(listCandidates(world), ({ address, state }) =>
    chosen.includes(formatEngineAddress(address)) ? 'chosen' : state,
  );
  const tell = (state: Candidate['state'], verb: string): readonly Finding[] => {
    const places =
      others.get(state)?.map(({ address, source }) => `${formatEngineAddress(address).replace('unix://', '')} (${source})`) ?? [];
    return places.length === 0 ? [] : [note('engine', `${verb} ${places.join(', ')}`)];
  };
  return [
    ...tell('open', 'passed over, as another comes first or is named:'),
    ...tell('closed', 'passed over, as this user may not open it:'),
    ...tell('absent', 'nothing is at'),
  ];
}

function checkStore({ store: { condition, path }, mayWrite }: Session): Finding {
  if (condition.kind === 'set-aside') {
    const { problem, evidencePath } = condition;
    return bad('store', `it was damaged (${problem}) and begun anew`, `the damaged file is kept: ${evidencePath}`);
  }
  if (!mayWrite) return note('store', `${path} can only be read by this user`, 'uses are not recorded in this run');
  return good('store', `${path}${condition.kind === 'new' ? ' (new)' : ''}`);
}

async function checkInside(session: Session, repair: boolean): Promise<readonly Finding[]> {
  const { runtime, desk } = session;
  const lock = await desk.world.lockEngine(runtime.identity.engineId);
  if (isHeld(lock)) return [note('collector', `process ${lock.pid ?? '(unknown)'} is collecting now`, lock.command)];
  try {
    const found = await look({ ...lookContext(session, null), askRegistry: undefined });
    const { inventory } = found;
    const { abandoned, foreign } = sortHolds(found.holds, desk.world.judgeOwner);
    const intents = session.store.readIntents(storeKey(runtime));
    const repairs = repair ? await repairHolds(runtime, abandoned, { isNeeded: neededBy(found, intents), intents }) : [];
    const findings = [checkDisk(inventory.disk !== null), ...inventory.doubts.map(({ message }) => bad('engine', message))];
    if (foreign.length > 0) findings.push(bad('holds', `${foreign.length} tags show that someone else collects on this engine`));
    return [...findings, ...checkHolds(abandoned.length, repairs, repair)];
  } finally {
    lock.release();
  }
}

function checkDisk(isKnown: boolean): Finding {
  if (isKnown) return good('disk', 'the image filesystem is known');
  const hint = "the engine's folder cannot be seen from here, so rules.disk does not fire; run as root, on the engine's host";
  return note('disk', 'the figures of the image filesystem are unknown', hint);
}

function checkHolds(abandoned: number, repairs: readonly Repair[], repair: boolean): readonly Finding[] {
  if (abandoned === 0) return [good('holds', 'none are left over')];
  const missing = repairs.flatMap((done) => done.missing);
  if (repair && missing.length === 0) return [good('holds', renderRepairs(repairs).trim().replaceAll('\n', '; '))];
  if (repair) return [bad('holds', `could not give back ${missing.join(', ')}`)];
  const hint = '"imagegc doctor --repair" or the next "imagegc collect" gives the names back';
  return [bad('holds', `an interrupted run left ${abandoned} names taken off`, hint)];
}
