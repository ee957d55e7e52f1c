/**
 * Whether a registry would give an image back, by the digest of its manifest. `absent`: it said that it would not. `unknown`: it did not say
 * that it would, which keeps the image as well.
 */
export type RegistryAnswer =
  | { readonly kind: 'present' }
  | {
      readonly kind: 'absent' | 'unknown';
      /** One clause for a person: "registry.example does not have it by that digest (404)". */
      readonly detail: string;
    };
