import type { Bytes, DurationMs } from '../../model/brands.ts';
import { parseByteSize } from '../../model/byte-size.ts';
import { parseDuration } from '../../model/duration.ts';
import { type Parsed, parsed, unparsable } from '../../model/error.ts';

/**
 * What values a setting takes. One reading serves TOML, variables and flags, so that none of them is more lenient than another.
 */
export interface Kind<Value> {
  /** For documents: `duration`, `"keep", "last" or "no"`. */
  readonly title: string;
  /** How a text from a variable or a flag becomes what TOML would have given. */
  readonly form: 'bool' | 'int' | 'text' | 'list';
  /** Reads a TOML value. @returns the value, or a sentence that says what would be right */
  parse(raw: unknown): Parsed<Value>;
}

const HHMM = /^(?:[01][0-9]|2[0-3]):[0-5][0-9]$/;
const CRON_FIELD = /^[0-9A-Za-z*][0-9A-Za-z*,/-]*$/;
const PERCENT = /^([0-9]{1,3}(?:\.[0-9])?)%$/;

/** `true` or `false`. */
export const BOOL: Kind<boolean> = {
  title: 'true or false',
  form: 'bool',
  parse: (raw) => (typeof raw === 'boolean' ? parsed(raw) : unparsable('write true or false, without quotes')),
};

/** A whole number of 0 or more. */
export const COUNT: Kind<number> = {
  title: 'whole number',
  form: 'int',
  parse: (raw) =>
    typeof raw === 'number' && Number.isSafeInteger(raw) && raw >= 0
      ? parsed(raw)
      : unparsable('write a whole number of 0 or more, without quotes or unit'),
};

/** What is written in quotes. @param problem of what is no text */
function quoted<Value>(title: string, problem: string, parse: (raw: string) => Parsed<Value>): Kind<Value> {
  return { title, form: 'text', parse: (raw) => (typeof raw === 'string' ? parse(raw) : unparsable(problem)) };
}

/** A text in a form of its own. */
function text(title: string, example: string, isRight: (raw: string) => boolean): Kind<string> {
  const problem = `write ${title} in quotes, such as "${example}"`;
  return quoted(title, problem, (raw) => (isRight(raw) ? parsed(raw) : unparsable(problem)));
}

function orOff<Value>(title: string, problem: string, parse: (raw: string) => Parsed<Value>): Kind<Value | null> {
  return quoted(`${title} or "off"`, problem, (raw) => (raw === 'off' ? parsed(null) : parse(raw)));
}

/** A duration of more than nothing, or one of the given words. */
export function duration<Words extends Readonly<Record<string, unknown>>>(
  words: Words,
  lowest: '0s' | 'above 0' = 'above 0',
): Kind<DurationMs | Words[keyof Words]> {
  const names = Object.keys(words).map((word) => `"${word}"`);
  const noTime = `no time at all would remove what was used a moment ago; write more${names.map((name) => `, or ${name}`).join('')}`;
  const problem = 'write a duration in quotes, such as "7d" or "1h 30m"';
  return quoted<DurationMs | Words[keyof Words]>(['duration', ...names].join(' or '), problem, (raw) => {
    for (const word in words) if (raw === word) return parsed(words[word]);
    const length = parseDuration(raw);
    return !length.ok || length.value > 0 || lowest === '0s' ? length : unparsable(noTime);
  });
}

/** A size, or "off". */
export const SIZE: Kind<Bytes | null> = orOff('size', 'write a size in quotes, such as "20GB" or "1.5GiB"', parseByteSize);

/** A share of 1 to 100 percent, as a fraction; or "off". */
export const PERCENT_OR_OFF: Kind<number | null> = orOff('percent', 'write a percentage in quotes, such as "85%"', (raw) => {
  const match = PERCENT.exec(raw);
  if (match === null) return unparsable(`"${raw}" is not a percentage; write a whole number or one decimal with a sign, such as "85%"`);
  const percent = Number(match[1]);
  return percent >= 1 && percent <= 100 ? parsed(percent / 100) : unparsable(`"${raw}" is out of range; write 1% to 100%`);
});

/** One of the given words. */
export function choice<const Word extends string>(words: readonly Word[]): Kind<Word> {
  const problem = `write ${orList(words)}`;
  return quoted(orList(words), problem, (raw) => {
    const word = words.find((candidate) => candidate === raw);
    return word === undefined ? unparsable(problem) : parsed(word);
  });
}

/** A list of texts, each read by `parse`; every item that cannot be read is named. */
export function list<Item>(title: string, parse: (text: string) => Parsed<Item>): Kind<readonly Item[]> {
  return {
    title: `list of ${title}`,
    form: 'list',
    parse: (raw) => {
      if (!Array.isArray(raw)) return unparsable('write a list in brackets, such as ["one", "two"]');
      const items: Item[] = [];
      const problems: string[] = [];
      for (const text of raw) {
        const item = typeof text === 'string' ? parse(text) : unparsable('is not a text in quotes');
        if (item.ok) items.push(item.value);
        else problems.push(`${JSON.stringify(text)}: ${item.problem}`);
      }
      return problems.length === 0 ? parsed(items) : unparsable(problems.join('; '));
    },
  };
}

/** An absolute path. */
export const PATH = text('an absolute path', '/var/lib/imagegc', (raw) => raw.startsWith('/'));

/** A time of day. */
export const TIME = text('a time of day HH:MM', '00:00', (raw) => HHMM.test(raw));

const CRON_PROBLEM = 'write five cron fields in quotes, such as "17 3 * * *"';

/** Five fields of cron, or "off". */
export const CRON_OR_OFF: Kind<string | null> = orOff('five cron fields', CRON_PROBLEM, (raw) => {
  const fields = raw.split(/\s+/);
  const isCron = fields.length === 5 && fields.every((field) => CRON_FIELD.test(field));
  return isCron ? parsed(raw) : unparsable(`${CRON_PROBLEM}, or "off"`);
});

/** An address to listen at; empty turns it off. */
export const LISTEN = text('host:port, unix:///path, or nothing', '127.0.0.1:9720', (raw) => {
  const port = /^[^\s/]+:([0-9]{1,5})$/.exec(raw)?.[1];
  return raw === '' || /^unix:\/\/\/\S/.test(raw) || (port !== undefined && Number(port) <= 65_535);
});

/** A period of whole days, at least one. */
export const DAYS: Kind<DurationMs> = quoted('whole days', 'write whole days in quotes, such as "1d"', (raw) =>
  wholeDays(parseDuration(raw)),
);

const ADDRESS_PROBLEM =
  'write "auto", or where it listens: "unix:///var/run/docker.sock", "containerd:///run/containerd/containerd.sock", "cri:///var/run/crio/crio.sock", "tcp://host:2376" or "ssh://user@host"';

const ADDRESS = /^(?:auto$|(?:unix|containerd|cri):\/\/\/.|(?:tcp|ssh):\/\/[^/])/;

/** Where engines listen. */
export const ENGINE_ADDRESS: Kind<string> = quoted(
  '"auto", or addresses separated by commas (docs/addresses.md)',
  ADDRESS_PROBLEM,
  (raw) => (splitAddresses(raw).every((part) => ADDRESS.test(part)) ? parsed(raw) : unparsable(ADDRESS_PROBLEM)),
);

/** Takes a list of addresses apart; one may have commas in it, as between namespaces. */
export function splitAddresses(list: string): readonly string[] {
  return list.split(/,(?=\s*(?:auto|[a-z]+:\/\/))/).map((part) => part.trim());
}

/** Refuses a length that is not one or more whole days. */
export function wholeDays(length: Parsed<DurationMs>): Parsed<DurationMs> {
  if (!length.ok) return length;
  return length.value > 0 && length.value % 86_400_000 === 0 ? length : unparsable('write whole days, one or more, such as "1d"');
}

/** Turns the text of a variable or a flag into what TOML would have given; what does not fit stays text, and is refused later. */
export function fromText(form: Kind<unknown>['form'], raw: string): unknown {
  if (form === 'bool') return raw === 'true' ? true : raw === 'false' ? false : raw;
  if (form === 'int') return /^-?[0-9]+$/.test(raw) ? Number(raw) : raw;
  if (form === 'text') return raw;
  return raw
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function orList(words: readonly string[]): string {
  const quoted = words.map((word) => `"${word}"`);
  return quoted.length < 2 ? quoted.join('') : `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`;
}
