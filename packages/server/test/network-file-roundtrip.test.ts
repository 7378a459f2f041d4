import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rounds } from '../../proof/test/support/rounds.ts';
import { isLine, isPlain } from '../src/kernel/text.ts';
import { applyNetwork } from '../src/registry/network-file/apply.ts';
import { exportNetwork } from '../src/registry/network-file/export.ts';
import { roles, statuses } from '../src/registry/participant.ts';
import { manualClock } from './support/clock.ts';
import { openContext } from './support/context.ts';
import { caller, contentOf, publicKey } from './support/network.ts';

/** A pool, because making a key costs more than a round trip. Each belongs to one organisation. */
const keyPool = Array.from({ length: 6 }, (_, index) => publicKey(`key-${index}`));
const organisations = ['org-a', 'org-b', 'org-c'];

const id = fc.stringMatching(/^[A-Za-z0-9_~:@-]{1,8}$/);
const name = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
  .filter((text) => isLine(text) && isPlain(text));
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const instant = fc
  .date({ min: new Date('1990-01-01'), max: new Date('2030-01-01'), noInvalidDate: true })
  .map((date) => date.toISOString());

/** An organisation, and those of the pool's keys that are its own. */
const organisationWithKeys = fc.nat({ max: organisations.length - 1 }).chain((index) =>
  fc.record({
    organisation: fc.constant(organisations[index]),
    keys: fc.subarray(keyPool.slice(index * 2, index * 2 + 2), { minLength: 1 }),
  }),
);

const participant = fc
  .record({
    owner: organisationWithKeys,
    role: fc.constantFrom(...roles),
    status: fc.constantFrom(...statuses),
    path: fc.webPath({ size: 'small' }),
    name: fc.option(name),
    createdOn: maybe(instant),
    approvedOn: maybe(fc.option(instant)),
    exp: maybe(fc.integer({ min: 1_900_000_000, max: 2_000_000_000 })),
    hasClient: fc.boolean(),
    resources: maybe(
      fc.uniqueArray(fc.record({ resource: id, roles: fc.array(name, { maxLength: 2 }) }), {
        selector: (r) => r.resource,
      }),
    ),
  })
  .map(({ owner, path, name: participantName, exp, hasClient, ...entry }) => ({
    ...entry,
    baseUrl: `https://${owner.organisation}.example${path}`,
    participant: { id: owner.organisation, participantName },
    keys: owner.keys.map((key) => ({ ...key, nbf: 1_600_000_000, ...(exp === undefined ? {} : { exp }) })),
    hasClient,
  }));

const realm = fc
  .record({
    profile: fc.constantFrom('ocen4', 'strict'),
    settings: fc.record(
      { accessTokenSeconds: fc.integer({ min: 30, max: 86_400 }), development: fc.boolean() },
      { requiredKeys: [] },
    ),
    participants: fc.dictionary(id, participant, { maxKeys: 4, noNullPrototype: true }),
    products: fc.uniqueArray(fc.record({ id, name, description: fc.option(name) }), {
      selector: (product) => product.id,
      maxLength: 2,
    }),
    filters: fc.uniqueArray(fc.record({ id, value: fc.jsonValue({ maxDepth: 2 }) }), {
      selector: (filter) => filter.id,
      maxLength: 2,
    }),
    profiles: fc.uniqueArray(fc.record({ id, name }), { selector: (profile) => profile.id, maxLength: 2 }),
    networkName: name,
  })
  .map(({ participants, products, filters, profiles, networkName, ...settings }) => {
    const list = Object.entries(participants).map(([own, { hasClient, ...entry }]) => ({
      id: own,
      ...entry,
      ...(hasClient ? { client: { id: `client-${own}` } } : {}),
    }));
    const [product] = products;
    return {
      ...settings,
      participants: list,
      products,
      productNetworks: [
        { id: 'n', name: networkName, productId: product?.id ?? null, participants: list.map((one) => one.id) },
      ],
      lenderNetworkFilters: filters,
      identityProfiles: profiles,
      passwordProfiles: profiles.map((profile) => ({ id: profile.id, configPerCredentialType: { USER: {} } })),
      identities: profiles.map((profile, index) => ({ id: `i-${index}`, profileId: profile.id, name: profile.name })),
      credentials: profiles.map((_, index) => ({
        id: `c-${index}`,
        identityId: `i-${index}`,
        type: 'ROOT',
        code: `code-${index}`,
      })),
    };
  });

const network = fc
  .uniqueArray(fc.record({ name: fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/), realm }), {
    selector: (one) => one.name,
    minLength: 1,
    maxLength: 2,
  })
  .map((realms) => ({ realms: realms.map((one) => ({ name: `r-${one.name}`, ...one.realm })) }));

/** Signing keys take a quarter of a second each and are no part of the file: the realms share one algorithm that is quick. */
function quick(file: { realms: readonly { settings: object }[] }) {
  return { realms: file.realms.map((one) => ({ ...one, settings: { ...one.settings, accessTokenAlg: 'ES256' } })) };
}

test('any network: applied, exported and applied again it is the same, there and in an empty store', async () => {
  await fc.assert(
    fc.asyncProperty(network, async (generated) => {
      const file = quick(generated);
      const clock = manualClock();
      const first = await openContext(undefined, { clock });
      const second = await openContext(undefined, { clock });
      await applyNetwork(first, file, caller);
      const stored = await contentOf(first);
      const exported = await exportNetwork(first);
      clock.advance(10_000);
      for (const again of [file, exported]) {
        const report = await applyNetwork(first, again, caller);
        expect(report.realms.flatMap(({ created, changed }) => [...created, ...changed])).toEqual([]);
      }
      expect(await contentOf(first)).toBe(stored);
      // Through JSON, as it travels.
      await applyNetwork(second, JSON.parse(JSON.stringify(exported)), caller);
      expect(await exportNetwork(second)).toEqual(exported);
    }),
    { numRuns: rounds(25) },
  );
}, 120_000);
