import { z } from 'zod';
import { authenticateAdministration } from '../http/administration.ts';
import type { Call } from '../http/call.ts';
import { readOptionalJson } from '../http/optional-body.ts';
import { json } from '../http/render.ts';
import type { Route } from '../http/route.ts';
import { isoDate } from '../kernel/clock.ts';
import { rotateSigningKeys, type SigningKey, signingKeys } from '../subject/signing-key.ts';

const base = '/realms/:realm/admin/signing-keys';
const administration = { tag: 'Administration', refusals: 'problem', security: 'administrator' } as const;

const purpose = z.enum(['token', 'status', 'receipt']);
const keyView = z.object({
  kid: z.string(),
  purpose,
  alg: z.string(),
  publicKey: z.record(z.string(), z.unknown()),
  createdAt: z.string(),
  /** Null for the next key, which is published and does not sign yet. */
  activeAt: z.string().nullable(),
  unpublishedAt: z.string().nullable(),
});
const rotationSchema = z.strictObject({ purpose: purpose.default('token'), immediately: z.boolean().default(false) });

export const routes: readonly Route[] = [
  {
    ...administration,
    method: 'GET',
    path: base,
    operationId: 'listSigningKeys',
    summary: 'The signing keys of the realm: previous, current and next, public parts only.',
    responses: { 200: z.object({ items: z.array(keyView) }) },
    handle: list,
  },
  {
    ...administration,
    method: 'POST',
    path: `${base}/rotate`,
    operationId: 'rotateSigningKeys',
    summary: 'The next key takes over. `immediately` is for a compromised key: every token that it signed is refused.',
    body: { schema: rotationSchema, mediaTypes: ['application/json'], optional: true },
    responses: { 200: z.object({ kid: z.string(), activeAt: z.string() }) },
    handle: rotate,
  },
];

async function list(call: Call): Promise<Response> {
  const { realm } = await authenticateAdministration(call);
  return json(200, { items: (await signingKeys(call.context, realm)).map(toView) });
}

async function rotate(call: Call): Promise<Response> {
  const { realm, caller } = await authenticateAdministration(call);
  const wanted = await readOptionalJson(call, rotationSchema);
  const { kid, activeAt } = await rotateSigningKeys(call.context, realm, wanted.purpose, wanted.immediately, caller);
  return json(200, { kid, activeAt: isoDate(activeAt) });
}

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
