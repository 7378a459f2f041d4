import { z } from 'zod';
import { readJson } from '../http/body.ts';
import type { Call } from '../http/call.ts';
import { pathName } from '../http/name.ts';
import { readOptionalJson } from '../http/optional-body.ts';
import { authenticateOwner } from '../http/owner.ts';
import { json } from '../http/render.ts';
import type { Route } from '../http/route.ts';
import { retireOwnKey, rotatedSchema, rotateKey, rotationSchema } from './key-rotation.ts';
import { keyViewSchema } from './participant-administration.ts';

const base = '/realms/:realm/registry/participants/:id/keys';
const common = { method: 'POST', tag: 'Onboarding', refusals: 'problem', security: 'participant' } as const;
const rotationProofs = ['body', 'client', 'signature', 'administrator'] as const;
/** A secret is weaker than a key, so it ends none. */
const retirementProofs = ['signature', 'administrator'] as const;
const jsonOnly = ['application/json'] as const;

const retirementSchema = z.strictObject({ compromised: z.boolean().default(false) });

export const routes: readonly Route[] = [
  {
    ...common,
    path: base,
    operationId: 'rotateParticipantKey',
    summary: 'A new public key, signed for by itself and by a key that is valid now. By the participant itself.',
    ownProofs: rotationProofs,
    body: { schema: rotationSchema, mediaTypes: jsonOnly },
    responses: { 201: rotatedSchema },
    handle: rotate,
  },
  {
    ...common,
    path: `${base}/:thumbprint/retire`,
    operationId: 'retireOwnKey',
    summary:
      'End the validity of a key; `compromised` tells the status feed and kills the tokens. By the participant itself, or an administrator.',
    ownProofs: retirementProofs,
    body: { schema: retirementSchema, mediaTypes: jsonOnly, optional: true },
    responses: { 200: keyViewSchema },
    handle: retire,
  },
];

async function rotate(call: Call): Promise<Response> {
  const owner = await authenticateOwner(call, rotationProofs);
  const wanted = await readJson(call, rotationSchema, owner.body);
  const rotated = await rotateKey(call.context, await call.realm(), pathName(call, 'id'), wanted, owner);
  return json(201, rotated);
}

async function retire(call: Call): Promise<Response> {
  const owner = await authenticateOwner(call, retirementProofs);
  const { compromised } = await readOptionalJson(call, retirementSchema, owner.body);
  const [participantId, thumbprint] = [pathName(call, 'id'), pathName(call, 'thumbprint')];
  const retired = { realm: owner.realm, participantId, thumbprint, compromised };
  return json(200, await retireOwnKey(call.context, retired, owner));
}
