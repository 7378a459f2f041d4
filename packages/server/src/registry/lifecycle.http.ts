import { z } from 'zod';
import { authenticateAdministration } from '../http/administration.ts';
import type { Call } from '../http/call.ts';
import { pathName } from '../http/name.ts';
import { readOptionalJson } from '../http/optional-body.ts';
import { authenticateOwner } from '../http/owner.ts';
import { json, noContent } from '../http/render.ts';
import type { Route } from '../http/route.ts';
import { lineOfText } from '../kernel/text.ts';
import { issueSecret, newSecretSchema, revokeSecret } from './client-administration.ts';
import { type LifecycleStep, stepParticipant } from './lifecycle.ts';
import { clientIdOf, participantDetail, participantDetailSchema } from './participant-administration.ts';

const base = '/realms/:realm/registry/participants/:id';
const jsonOnly = ['application/json'] as const;
const bySelf = ['client', 'signature'] as const;
const bySelfOrAdministrator = [...bySelf, 'administrator'] as const;
const lifecycle = { method: 'POST', tag: 'Onboarding', refusals: 'problem' } as const;

const reasonSchema = z.strictObject({ reason: lineOfText(1_000).optional() });
/** Seconds for which the secret before it lives on: a day, at most 30, or 0. */
const rotationSchema = z.strictObject({ overlapSeconds: z.int().min(0).max(2_592_000).default(86_400) });
const revocationSchema = z.strictObject({ compromised: z.boolean().default(false) });

export const routes: readonly Route[] = [
  stepRoute('suspend', 'Suspend a participant: its client is refused and its tokens are dead.'),
  stepRoute('reinstate', 'Reinstate a suspended participant. Tokens from before stay dead.'),
  stepRoute('offboard', 'Offboard a participant for good. Its history and old keys stay.'),
  {
    ...lifecycle,
    path: `${base}/secrets`,
    operationId: 'issueSecret',
    summary: 'A new client secret, shown once; the one before lives on for a while. By the participant itself only.',
    security: 'participant',
    ownProofs: bySelf,
    body: { schema: rotationSchema, mediaTypes: jsonOnly, optional: true },
    responses: { 201: newSecretSchema },
    handle: issue,
  },
  {
    ...lifecycle,
    path: `${base}/secrets/:secretId/revoke`,
    operationId: 'revokeSecret',
    summary:
      'Revoke one client secret; `compromised` kills the tokens of the client too. By the participant itself, or an administrator.',
    security: 'participant',
    ownProofs: bySelfOrAdministrator,
    body: { schema: revocationSchema, mediaTypes: jsonOnly, optional: true },
    responses: { 204: 'Revoked.' },
    handle: revoke,
  },
];

async function issue(call: Call): Promise<Response> {
  const { realm, caller, body } = await authenticateOwner(call, bySelf);
  const { overlapSeconds } = await readOptionalJson(call, rotationSchema, body);
  const clientId = await clientIdOf(call.context, realm, pathName(call, 'id'));
  const wanted = { overlapSeconds, isOwn: true };
  return json(201, await issueSecret(call.context, realm, clientId, wanted, caller));
}

async function revoke(call: Call): Promise<Response> {
  const { realm, caller, body } = await authenticateOwner(call, bySelfOrAdministrator);
  const { compromised } = await readOptionalJson(call, revocationSchema, body);
  const clientId = await clientIdOf(call.context, realm, pathName(call, 'id'));
  await revokeSecret(call.context, realm, clientId, pathName(call, 'secretId'), compromised, caller);
  return noContent();
}

function stepRoute(step: LifecycleStep, summary: string): Route {
  return {
    ...lifecycle,
    path: `${base}/${step}`,
    operationId: `${step}Participant`,
    summary,
    security: 'administrator',
    body: { schema: reasonSchema, mediaTypes: jsonOnly, optional: true },
    responses: { 200: participantDetailSchema },
    async handle(call) {
      const { realm, caller } = await authenticateAdministration(call);
      const id = pathName(call, 'id');
      const { reason } = await readOptionalJson(call, reasonSchema);
      await stepParticipant(call.context, realm, id, step, reason, caller);
      return json(200, await participantDetail(call.context, realm, id));
    },
  };
}
