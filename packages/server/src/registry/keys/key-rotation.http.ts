import { z } from 'zod';
import { type Route, route } from '../../route.ts';
import { keyViewSchema } from '../participant-administration.ts';
import { retireOwnKey, rotatedSchema, rotateKey, rotationSchema } from './key-rotation.ts';
import { owner } from './owner.http.ts';

const base = '/realms/:realm/registry/participants/:id/keys';
const common = { method: 'POST', tag: 'Onboarding' } as const;

const retirementSchema = z.strictObject({ compromised: z.boolean().default(false) });

export const routes: readonly Route[] = [
  route({
    ...common,
    path: base,
    operationId: 'rotateParticipantKey',
    summary: 'A new public key, signed for by itself and by a key that is valid now. By the participant itself.',
    caller: owner(['body', 'client', 'signature', 'administrator']),
    body: rotationSchema,
    answers: { 201: rotatedSchema },
    handle: ({ context, who, params: { id }, body }) => rotateKey(context, who.realm, id, body, who),
  }),
  route({
    ...common,
    path: `${base}/:thumbprint/retire`,
    operationId: 'retireOwnKey',
    summary:
      'End the validity of a key; `compromised` tells the status feed and kills the tokens. By the participant itself, or an administrator.',
    // A secret is weaker than a key, so a secret cannot end a key.
    caller: owner(['signature', 'administrator']),
    body: retirementSchema,
    bodyOptional: true,
    answers: { 200: keyViewSchema },
    handle: ({ context, who, params: { id, thumbprint }, body: { compromised } }) =>
      retireOwnKey(context, { realm: who.realm.name, participantId: id, thumbprint, compromised }, who),
  }),
];
