import { z } from 'zod';
import { administrator } from '../../callers/administrator.ts';
import { anybodyInRealm } from '../../callers/realm.ts';
import { pageOf, pageQuery, pageSchema } from '../../http/page.ts';
import { lineOfText } from '../../kernel/text.ts';
import { type Route, route } from '../../route.ts';
import {
  applicationSchema,
  applicationStatuses,
  applicationView,
  applicationViewSchema,
  pageOfApplications,
  requireApplication,
  submitApplication,
} from './application.ts';
import { ownApplication, ownApplicationSchema, statusRequestSchema } from './application-status.ts';
import { type Decision, decideApplication } from './approval.ts';
import { credentialsSchema, pickUpCredentials, pickUpSchema } from './pick-up.ts';

const base = '/realms/:realm/registry/applications';

const submittedSchema = z.object({ id: z.string(), status: z.enum(applicationStatuses), pickUpCode: z.string() });
const reasonSchema = z.strictObject({ reason: lineOfText(1_000).optional() });
const approvalSchema = reasonSchema.extend({ organisationId: lineOfText().optional() });

const onboarding = { tag: 'Onboarding' } as const;

export const routes: readonly Route[] = [
  route({
    ...onboarding,
    method: 'POST',
    path: base,
    operationId: 'submitApplication',
    summary: 'Apply for a role in the network, with a proof that the public key is yours.',
    caller: anybodyInRealm,
    body: applicationSchema,
    answers: { 201: submittedSchema },
    handle: ({ context, call, who: realm, body }) => submitApplication(context, realm, body, call.caller('anonymous')),
  }),
  route({
    ...onboarding,
    method: 'GET',
    path: base,
    operationId: 'listApplications',
    summary: 'Applications, oldest first.',
    caller: administrator,
    query: pageQuery.extend({ status: z.enum(applicationStatuses).optional() }),
    answers: { 200: pageSchema(applicationViewSchema) },
    handle: ({ context, who: { realm }, query: { status, ...page } }) =>
      pageOfApplications(context, realm.name, status, pageOf(page)),
  }),
  route({
    ...onboarding,
    method: 'GET',
    path: `${base}/:id`,
    operationId: 'getApplication',
    summary: 'One application.',
    caller: administrator,
    answers: { 200: applicationViewSchema },
    handle: async ({ context, who: { realm }, params: { id } }) =>
      applicationView(await requireApplication(context.store.db, realm.name, id)),
  }),
  decision('review', 'Start the review of an application.', reasonSchema),
  decision('approve', 'Approve an application: registers the participant, its key and its client.', approvalSchema),
  decision('reject', 'Reject an application.', reasonSchema),
  route({
    ...onboarding,
    method: 'POST',
    path: `${base}/:id/status`,
    operationId: 'getOwnApplication',
    summary: 'The state of an application, for the applicant, with a proof by the key of the application.',
    caller: anybodyInRealm,
    body: statusRequestSchema,
    answers: { 200: ownApplicationSchema },
    handle: ({ context, call, who: realm, params: { id }, body }) =>
      ownApplication(context, realm, id, body, call.caller('anonymous')),
  }),
  route({
    ...onboarding,
    method: 'POST',
    path: `${base}/:id/credentials`,
    operationId: 'pickUpCredentials',
    summary: 'Pick the client secret up, once, with the one-time code and a proof by the registered key.',
    caller: anybodyInRealm,
    body: pickUpSchema,
    answers: { 200: credentialsSchema },
    handle: ({ context, call, who: realm, params: { id }, body }) =>
      pickUpCredentials(context, realm, id, body, call.caller('anonymous')),
  }),
];

function decision(name: Decision, summary: string, body: z.ZodType<z.output<typeof approvalSchema>>): Route {
  return route({
    ...onboarding,
    method: 'POST',
    path: `${base}/:id/${name}`,
    operationId: `${name}Application`,
    summary,
    caller: administrator,
    body,
    bodyOptional: true,
    answers: { 200: applicationViewSchema },
    handle: ({ context, who: { realm, caller }, params: { id }, body: details }) =>
      decideApplication(context, realm.name, id, name, details, caller),
  });
}
