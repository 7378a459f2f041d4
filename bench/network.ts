/** The measured algorithms, and the benchmarks' client, which is the same in every server. */
export const algs = ['ES256', 'Ed25519', 'RS256'] as const;
export type Alg = (typeof algs)[number];

/** A client of the benchmarks. Its secret protects nothing: it exists only on loopback and only during the run. */
export const bench = {
  participantId: '6f1c2f9e-0f5a-4c57-9d0e-3a1f6f0b7c11',
  clientId: 'b0d1a7e4-5c1f-4a36-8f0e-2f6f9a1c3d77',
  clientSecret: 'Zq8v1c5Rk0m3Xy7Lw2Tn9Bp4Hs6Jd1Gf8Ua5Ie3Oo0Y',
  resource: 'loan-api',
  roles: ['apply'],
} as const;

export const realmOf = (alg: Alg): string => `bench-${alg.toLowerCase()}`;
export const tokenPath = (realm: string): string => `/realms/${realm}/protocol/openid-connect/token`;

/** A realm for each algorithm, with one participant. */
export const network = {
  realms: algs.map((alg) => ({
    name: realmOf(alg),
    profile: 'strict',
    settings: { accessTokenAlg: alg },
    participants: [
      {
        id: bench.participantId,
        role: 'LENDER',
        baseUrl: 'https://lender.example',
        keys: [
          {
            kty: 'EC',
            crv: 'P-256',
            x: 'HT0KsCnQUfpMNDAI90j-LgJspl9A_6MYCSA6u5IUqow',
            y: 'ZdULM8-HfBLhxD5f5dzLNowfaAiXquT5w4ldXgw7_uA',
          },
        ],
        participant: { id: 'bench-lender', participantName: 'Bench Lender' },
        client: { id: bench.clientId, secret: bench.clientSecret },
        resources: [{ resource: bench.resource, roles: bench.roles }],
      },
    ],
  })),
};

/**
 * The password of every credential of the benchmarks. It protects nothing: they exist only on loopback and only during the run.
 */
export const loginPassword = 'seven mild otters hum';
export const loginRealm = 'bench-logins';
export const codeOf = (n: number): string => `holder-${n}@acme.example`;

/** One identity profile and one identity; the credentials are added to them. */
export const loginNetwork = {
  realms: [
    {
      name: loginRealm,
      profile: 'strict',
      settings: { sessionIdleSeconds: 3_600 },
      identityProfiles: [{ id: 'corporates', name: 'Corporates' }],
      passwordProfiles: [{ id: 'corporates', configPerCredentialType: { ROOT: {} } }],
      identities: [{ id: 'acme', profileId: 'corporates', name: 'Acme Travel' }],
    },
  ],
};
