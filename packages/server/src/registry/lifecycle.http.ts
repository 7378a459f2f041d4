import { z } from 'zod';
import { administrator } from '../callers/administrator.ts';
import { lineOfText } from '../kernel/text.ts';
import { type Route, route } from '../route.ts';
import { issueSecret, newSecretSchema, revokeSecret } from './client-administration.ts';
import { owner } from './keys/owner.http.ts';
import { type LifecycleStep, stepParticipant } from './lifecycle.ts';
import { changeDetails, detailsSchema } from './own-details.ts';
import { clientIdOf, participantDetail, participantDetailSchema } from './participant-administration.ts';
import { refusalsOf, refusalsSchema } from './refusals/refusal.ts';

const base = '/realms/:realm/registry/participants/:id';
const lifecycle = { method: 'POST', tag: 'Onboarding', bodyOptional: true } as const;

const reasonSchema = z.strictObject({ reason: lineOfText(1_000).optional() });
/** Seconds that the secret before lives on: a day by default, at most 30 days, or 0. */
const rotationSchema = z.strictObject({ overlapSeconds: z.int().min(0).max(2_592_000).default(86_400) });
const revocationSchema = z.strictObject({ compromised: z.boolean().default(false) });

export const routes: readonly Route[] = [
  route({
    ...lifecycle,
    path: `${base}/details`,
    operationId: 'changeOwnDetails',
    summary: 'Change the base URL and the contact of a participant. By the participant itself, or an administrator.',
    // A secret is weaker than a key, so a secret cannot redirect the messages of others.
    caller: owner(['signature', 'administrator']),
    body: detailsSchema,
    answers: { 200: participantDetailSchema },
    async handle({ context, who: { realm, caller }, params: { id }, body }) {
      await changeDetails(context, realm, id, body, caller);
      return participantDetail(context, realm.name, id);
    },
  }),
  route({
    method: 'GET',
    tag: 'Onboarding',
    path: `${base}/refusals`,
    operationId: 'getOwnRefusals',
    summary:
      'What was refused to a participant in the last seven days, and why. For the participant itself, or an administrator.',
    caller: owner(['client', 'signature', 'administrator']),
    answers: { 200: refusalsSchema },
    handle: ({ context, who: { realm }, params: { id } }) => refusalsOf(context, realm.name, id),
  }),
  step('suspend', 'Suspend a participant: its client is refused and its tokens are dead.'),
  step('reinstate', 'Reinstate a suspended participant. Tokens from before stay dead.'),
  step('offboard', 'Offboard a participant for good. Its history and old keys stay.'),
  route({
    ...lifecycle,
    path: `${base}/secrets`,
    operationId: 'issueSecret',
    summary: 'A new client secret, shown once; the one before lives on for a while. By the participant itself only.',
    caller: owner(['client', 'signature']),
    body: rotationSchema,
    answers: { 201: newSecretSchema },
    async handle({ context, who: { realm, caller }, params: { id }, body: { overlapSeconds } }) {
      const clientId = await clientIdOf(context, realm.name, id);
      return issueSecret(context, realm.name, clientId, { overlapSeconds, isOwn: true }, caller);
    },
  }),
  route({
    ...lifecycle,
    path: `${base}/secrets/:secretId/revoke`,
    operationId: 'revokeSecret',
    summary:
      'Revoke one client secret; `compromised` kills the tokens of the client too. By the participant itself, or an administrator.',
    caller: owner(['client', 'signature', 'administrator']),
    body: revocationSchema,
    answers: { 204: 'Revoked.' },
    async handle({ context, who: { realm, caller }, params: { id, secretId }, body: { compromised } }) {
      const clientId = await clientIdOf(context, realm.name, id);
      await revokeSecret(context, realm.name, clientId, secretId, compromised, caller);
    },
  }),
];

function step(name: LifecycleStep, summary: string): Route {
  return route({
    ...lifecycle,
    path: `${base}/${name}`,
    operationId: `${name}Participant`,
    summary,
    caller: administrator,
    body: reasonSchema,
    answers: { 200: participantDetailSchema },
    async handle({ context, who: { realm, caller }, params: { id }, body: { reason } }) {
      await stepParticipant(context, realm.name, id, name, reason, caller);
      return participantDetail(context, realm.name, id);
    },
  });
}
