import { type CollectReport, countOutcomes } from '../../collect/collection.ts';
import type { ContainerResult } from '../../collect/ended-containers.ts';
import type { Repair } from '../../collect/repair.ts';
import { bytes } from '../../model/brands.ts';
import { formatByteSize } from '../../model/byte-size.ts';
import type { OutcomeKind } from '../../model/removal-record.ts';
import { imageName } from './image-name.ts';
import { type Look, paint, printable } from './style.ts';

const OUTCOME_WORDS: Readonly<Record<OutcomeKind, string>> = {
  removed: 'removed',
  'already-gone': 'already gone',
  'in-use': 'in use by now',
  changed: 'changed by now',
  refused: 'refused by the engine',
  failed: 'failed',
};

/** Prints what a collection did: the sum, what came out otherwise than planned, and whatever needs a person. */
export function renderReport(report: CollectReport, look: Look): string {
  const counts = [...countOutcomes(report.results)].map(([kind, count]) => `${count} ${OUTCOME_WORDS[kind]}`);
  const measured =
    report.measuredBytes === null ? '' : ` (measured on the disk: ${formatByteSize(bytes(Math.max(0, report.measuredBytes)))})`;
  const cache = report.cachePrunedBytes === 0 ? '' : `, and ${formatByteSize(report.cachePrunedBytes)} of build cache`;
  const sum = `Done: ${counts.join(', ') || 'nothing was tried'}; ${formatByteSize(report.freedBytes)} freed${measured}${cache}.`;
  const lines = [
    paint('bold', sum, look),
    ...report.containers.map((result) => describeContainer(result, look)),
    ...describeExceptions(report, look),
    ...describeStranded(report, look),
    ...describeOvertaken(report, look),
  ];
  if (report.isShort && report.stopped === null && report.plan.target?.reached === true)
    lines.push(paint('yellow', 'The target is not reached: less came free than was expected, or something else fills this disk.', look));
  if (report.stopped !== null) lines.push(paint('yellow', `Stopped before the end: ${report.stopped}.`, look));
  return `\n${lines.join('\n')}\n`;
}

function describeExceptions({ results }: CollectReport, look: Look): readonly string[] {
  const others = results.filter(({ outcome }) => outcome.kind !== 'removed');
  return others.map(({ removal, outcome }) => {
    const line = `  ${printable(imageName(removal, removal.imageId))}: ${OUTCOME_WORDS[outcome.kind]}: ${printable(outcome.message)}`;
    return outcome.kind === 'failed' ? paint('red', line, look) : line;
  });
}

function describeContainer({ removal, outcome }: ContainerResult, look: Look): string {
  const said = outcome.message === '' ? '' : `: ${printable(outcome.message)}`;
  const line = `  container ${printable(removal.name)}: ${OUTCOME_WORDS[outcome.kind]}${said}`;
  return outcome.kind === 'failed' ? paint('red', line, look) : line;
}

/** Such a container runs on, but cannot be created again until its image is pulled. */
function describeStranded({ stranded, results }: CollectReport, look: Look): readonly string[] {
  return stranded.map(({ name, state, imageIds }) => {
    const image = results.find(({ removal }) => imageIds.includes(removal.imageId))?.removal;
    const again = image?.digests[0] ?? image?.references[0] ?? 'its image';
    const line = `  container ${printable(name)} (${state}) was created while its image was being removed: pull ${again} again`;
    return paint('red', line, look);
  });
}

function describeOvertaken({ overtaken }: CollectReport, look: Look): readonly string[] {
  return overtaken.map((removal) => {
    const name = printable(imageName(removal, removal.imageId));
    return paint('red', `  ${name} was used or brought just when it was removed, and is gone: pull, load or build it again`, look);
  });
}

/** Prints what an interrupted collection had left, and what was done about it; empty when there was nothing. */
export function renderRepairs(repairs: readonly Repair[]): string {
  return repairs
    .map(({ imageId, restored, missing, isCompleted }) => {
      if (isCompleted) return `imagegc: finished the removal of ${imageId} that an earlier run had begun\n`;
      if (restored.length === 0) return `imagegc: an interrupted run took off what cannot be given back: ${missing.join(', ')}\n`;
      const lost = missing.length === 0 ? '' : `; could not give back ${missing.join(', ')}`;
      return `imagegc: gave back what an interrupted run had taken off: ${restored.join(', ')}${lost}\n`;
    })
    .join('');
}
