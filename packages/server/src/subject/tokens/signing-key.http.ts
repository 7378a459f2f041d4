import { z } from 'zod';
import { administrator } from '../../callers/administrator.ts';
import { isoDate } from '../../kernel/clock.ts';
import { type Route, route } from '../../route.ts';
import { rotateSigningKeys, type SigningKey, signingKeys } from './signing-key.ts';

const base = '/realms/:realm/admin/signing-keys';
const administration = { tag: 'Administration', caller: administrator } as const;

const purpose = z.enum(['token', 'status', 'receipt']);
const keyView = z.object({
  kid: z.string(),
  purpose,
  alg: z.string(),
  publicKey: z.record(z.string(), z.unknown()),
  createdAt: z.string(),
  /** Null for the next key, which is published but does not sign yet. */
  activeAt: z.string().nullable(),
  unpublishedAt: z.string().nullable(),
});
const rotationSchema = z.strictObject({ purpose: purpose.default('token'), immediately: z.boolean().default(false) });

export const routes: readonly Route[] = [
  route({
    ...administration,
    method: 'GET',
    path: base,
    operationId: 'listSigningKeys',
    summary: 'The signing keys of the realm: previous, current and next, public parts only.',
    answers: { 200: z.object({ items: z.array(keyView) }) },
    handle: async ({ context, who: { realm } }) => ({
      items: (await signingKeys(context, realm.name)).map(toView),
    }),
  }),
  route({
    ...administration,
    method: 'POST',
    path: `${base}/rotate`,
    operationId: 'rotateSigningKeys',
    summary: 'The next key takes over. `immediately` is for a compromised key: every token that it signed is refused.',
    body: rotationSchema,
    bodyOptional: true,
    answers: { 200: z.object({ kid: z.string(), activeAt: z.string() }) },
    async handle({ context, who: { realm, caller }, body }) {
      const rotated = await rotateSigningKeys(context, realm.name, body.purpose, body.immediately, caller);
      return { kid: rotated.kid, activeAt: isoDate(rotated.activeAt) };
    },
  }),
];

function toView(key: SigningKey): z.output<typeof keyView> {
  return {
    kid: key.kid,
    purpose: key.purpose,
    alg: key.alg,
    publicKey: { ...key.publicJwk },
    createdAt: isoDate(key.createdAt),
    activeAt: isoDate(key.activeAt),
    unpublishedAt: isoDate(key.unpublishedAt),
  };
}
