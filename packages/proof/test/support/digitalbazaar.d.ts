/** What the tests use of libraries without types. */
declare module '@digitalbazaar/data-integrity' {
  export class DataIntegrityProof {
    constructor(options: { signer?: unknown; cryptosuite: unknown; date?: string });
    createProof(options: {
      document: object;
      purpose: { update: (proof: object) => Promise<object> };
    }): Promise<Record<string, unknown>>;
    verifyProof(options: {
      proof: object;
      document: object;
      documentLoader: (url: string) => Promise<{ document: object }>;
    }): Promise<{ verified: boolean; error?: Error }>;
  }
}

declare module '@digitalbazaar/eddsa-jcs-2022-cryptosuite' {
  export function createSignCryptosuite(): unknown;
  export function createVerifyCryptosuite(): unknown;
}

declare module '@digitalbazaar/ed25519-multikey' {
  export interface KeyPair {
    readonly id: string;
    readonly publicKeyMultibase: string;
    signer(): { sign(options: { data: Uint8Array }): Promise<Uint8Array> };
  }
  export function generate(options: { seed?: Uint8Array; controller?: string }): Promise<KeyPair>;
}
