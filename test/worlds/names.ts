import fc from 'fast-check';
import type { Reference } from '../../src/model/reference.ts';
import { canonicalRepository } from '../../src/model/reference.ts';

/** Random names that the grammar of distribution/reference allows, in every form that a person or an engine writes. */
const component = fc.stringMatching(/^[a-z0-9]{1,6}(?:(?:\.|_|__|-{1,3})[a-z0-9]{1,4}){0,2}$/);
const host = fc.oneof(
  fc.constantFrom('docker.io/', 'index.docker.io/', 'localhost/', 'localhost:5000/', 'HOST/', '[2001:db8::1]:5000/', '[::1]/'),
  fc.stringMatching(/^[a-z0-9]{1,5}(?:-[a-z0-9]{1,3})?\.[a-z]{2,3}(?::[0-9]{2,5})?\/$/),
);
const path = fc.oneof(
  fc.array(component, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/')),
  component.map((part) => `library/${part}`),
);
const tag = fc.stringMatching(/^\w[\w.-]{0,20}$/);

/** A digest as registries give it. */
const anyDigest = (): fc.Arbitrary<string> => fc.stringMatching(/^[0-9a-f]{64}$/).map((hex) => `sha256:${hex}`);

/** A valid tag, now and then of the full 128 characters. */
export const anyTag = (): fc.Arbitrary<string> =>
  fc.oneof({ arbitrary: tag, weight: 9 }, { arbitrary: fc.stringMatching(/^\w[\w.-]{127}$/), weight: 1 });

/** A repository, as a person may write it: without a host, its first part may not look like one. */
const anyRepository = (): fc.Arbitrary<string> =>
  fc.oneof(
    fc.tuple(host, path).map(([one, other]) => one + other),
    path.map((parts) => parts.replace(/^[^/]+(?=\/)/, (first) => first.replaceAll('.', '-'))),
  );

/** A reference in its canonical parts, with a tag, a digest or both. */
export function anyReference(): fc.Arbitrary<Reference> {
  const parts = fc.oneof(
    anyTag().map((value) => ({ tag: value, digest: null })),
    anyDigest().map((value) => ({ tag: null, digest: value })),
    fc.tuple(anyTag(), anyDigest()).map(([one, other]) => ({ tag: one, digest: other })),
  );
  return fc.tuple(anyRepository().map(canonicalRepository), parts).map(([repository, rest]) => ({ repository, ...rest }));
}

/** A name as a person may write it. */
export function anyName(): fc.Arbitrary<string> {
  const suffix = fc.oneof(
    fc.constant(''),
    anyTag().map((value) => `:${value}`),
    anyDigest().map((value) => `@${value}`),
  );
  return fc.tuple(anyRepository(), suffix).map(([name, rest]) => name + rest);
}
