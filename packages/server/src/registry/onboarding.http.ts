import { z } from 'zod';
import { authenticateAdministration } from '../http/administration.ts';
import { readJson, validate } from '../http/body.ts';
import type { Call } from '../http/call.ts';
import { pageOf, pathName } from '../http/name.ts';
import { readOptionalJson } from '../http/optional-body.ts';
import { json } from '../http/render.ts';
import type { Route } from '../http/route.ts';
import { lineOfText } from '../kernel/text.ts';
import {
  applicationSchema,
  applicationStatuses,
  applicationView,
  applicationViewSchema,
  pageOfApplications,
  requireApplication,
  submitApplication,
} from './application.ts';
import { type Decision, decideApplication } from './approval.ts';
import { credentialsSchema, pickUpCredentials, pickUpSchema } from './pick-up.ts';

const base = '/realms/:realm/registry/applications';
const jsonOnly = ['application/json'] as const;

const submittedSchema = z.object({ id: z.string(), status: z.enum(applicationStatuses), pickUpCode: z.string() });
const statusQuery = z.strictObject({ status: z.enum(applicationStatuses).optional() });
const reasonSchema = z.strictObject({ reason: lineOfText(1_000).optional() });
const approvalSchema = reasonSchema.extend({ organisationId: lineOfText().optional() });

const onboarding = { tag: 'Onboarding', refusals: 'problem' } as const;

export const routes: readonly Route[] = [
  {
    ...onboarding,
    method: 'POST',
    path: base,
    operationId: 'submitApplication',
    summary: 'Apply for a role in the network, with a proof that the public key is yours.',
    security: 'none',
    body: { schema: applicationSchema, mediaTypes: jsonOnly },
    responses: { 201: submittedSchema },
    handle: submit,
  },
  {
    ...onboarding,
    method: 'GET',
    path: base,
    operationId: 'listApplications',
    summary: 'Applications, oldest first.',
    security: 'administrator',
    query: z.object({
      status: z.enum(applicationStatuses).optional(),
      limit: z.string().optional(),
      after: z.string().optional(),
    }),
    responses: { 200: z.object({ items: z.array(applicationViewSchema), next: z.string().optional() }) },
    handle: list,
  },
  {
    ...onboarding,
    method: 'GET',
    path: `${base}/:id`,
    operationId: 'getApplication',
    summary: 'One application.',
    security: 'administrator',
    responses: { 200: applicationViewSchema },
    handle: show,
  },
  decisionRoute('review', 'Start the review of an application.', reasonSchema),
  decisionRoute(
    'approve',
    'Approve an application: registers the participant, its key and its client.',
    approvalSchema,
  ),
  decisionRoute('reject', 'Reject an application.', reasonSchema),
  {
    ...onboarding,
    method: 'POST',
    path: `${base}/:id/credentials`,
    operationId: 'pickUpCredentials',
    summary: 'Pick the client secret up, once, with the one-time code and a proof by the registered key.',
    security: 'none',
    body: { schema: pickUpSchema, mediaTypes: jsonOnly },
    responses: { 200: credentialsSchema },
    handle: pickUp,
  },
];

async function submit(call: Call): Promise<Response> {
  const realm = await call.realm();
  const wanted = await readJson(call, applicationSchema);
  return json(201, await submitApplication(call.context, realm, wanted, call.caller('anonymous')));
}

async function list(call: Call): Promise<Response> {
  const { realm } = await authenticateAdministration(call);
  const { status } = validate(statusQuery, { status: call.query.get('status') ?? undefined });
  return json(200, await pageOfApplications(call.context, realm, status, pageOf(call)));
}

async function show(call: Call): Promise<Response> {
  const { realm } = await authenticateAdministration(call);
  return json(200, applicationView(await requireApplication(call.context.store.db, realm, pathName(call, 'id'))));
}

async function pickUp(call: Call): Promise<Response> {
  const realm = await call.realm();
  const presented = await readJson(call, pickUpSchema);
  const caller = call.caller('anonymous');
  return json(200, await pickUpCredentials(call.context, realm, pathName(call, 'id'), presented, caller));
}

function decisionRoute(decision: Decision, summary: string, schema: z.ZodType<z.output<typeof approvalSchema>>): Route {
  return {
    ...onboarding,
    method: 'POST',
    path: `${base}/:id/${decision}`,
    operationId: `${decision}Application`,
    summary,
    security: 'administrator',
    body: { schema, mediaTypes: jsonOnly, optional: true },
    responses: { 200: applicationViewSchema },
    async handle(call) {
      const { realm, caller } = await authenticateAdministration(call);
      const id = pathName(call, 'id');
      const details = await readOptionalJson(call, schema);
      return json(200, await decideApplication(call.context, realm, id, decision, details, caller));
    },
  };
}
