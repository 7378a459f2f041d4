import { z } from 'zod';
import { administrator } from '../callers/administrator.ts';
import { pageOf, pageQuery, pageSchema } from '../http/page.ts';
import { type Route, route } from '../route.ts';
import { roles, statuses } from './participant.ts';
import {
  addParticipantKey,
  keyViewSchema,
  newKeySchema,
  pageOfParticipants,
  participantDetail,
  participantDetailSchema,
  participantViewSchema,
  retireParticipantKey,
} from './participant-administration.ts';

const base = '/realms/:realm/admin/participants';
const administration = { tag: 'Administration', caller: administrator } as const;

const listQuery = pageQuery.extend({ role: z.enum(roles).optional(), status: z.enum(statuses).optional() });
const retirementSchema = z.strictObject({ compromised: z.boolean().default(false) });

export const routes: readonly Route[] = [
  route({
    ...administration,
    method: 'GET',
    path: base,
    operationId: 'listParticipants',
    summary: 'Participants by id, of one role or status if asked.',
    query: listQuery,
    answers: { 200: pageSchema(participantViewSchema) },
    handle: ({ context, who: { realm }, query: { role, status, ...page } }) =>
      pageOfParticipants(context, realm.name, { role, status }, pageOf(page)),
  }),
  route({
    ...administration,
    method: 'GET',
    path: `${base}/:id`,
    operationId: 'getParticipant',
    summary: 'One participant with all its keys and its client.',
    answers: { 200: participantDetailSchema },
    handle: ({ context, who: { realm }, params: { id } }) => participantDetail(context, realm.name, id),
  }),
  route({
    ...administration,
    method: 'POST',
    path: `${base}/:id/keys`,
    operationId: 'addParticipantKey',
    summary: 'A public key beside those that the participant has.',
    body: newKeySchema,
    answers: { 201: keyViewSchema },
    handle: ({ context, who: { realm, caller }, params: { id }, body }) =>
      addParticipantKey(context, realm.name, id, body, caller),
  }),
  route({
    ...administration,
    method: 'POST',
    path: `${base}/:id/keys/:thumbprint/retire`,
    operationId: 'retireParticipantKey',
    summary: 'End the validity of a key; `compromised` tells the status feed and kills the tokens of the participant.',
    body: retirementSchema,
    bodyOptional: true,
    answers: { 200: keyViewSchema },
    handle: ({ context, who: { realm, caller }, params: { id, thumbprint }, body: { compromised } }) =>
      retireParticipantKey(context, realm.name, id, thumbprint, compromised, caller),
  }),
];
