import { z } from 'zod';
import { authenticateAdministration, callerOf } from '../http/administration.ts';
import { authenticateSystemAdministrator } from '../http/authenticate.ts';
import { parseJsonBody, readBytes, requireMediaType } from '../http/body.ts';
import type { Call } from '../http/call.ts';
import { json } from '../http/render.ts';
import type { Route } from '../http/route.ts';
import { applyNetwork } from '../registry/network-file/apply.ts';
import { exportNetwork } from '../registry/network-file/export.ts';
import { networkFileSchema } from '../registry/network-file/schema.ts';

const administration = { tag: 'Administration', refusals: 'problem', security: 'administrator' } as const;
const body = { schema: networkFileSchema, mediaTypes: ['application/json'] } as const;

const reportSchema = z.object({
  realms: z.array(
    z.object({ name: z.string(), created: z.array(z.string()), changed: z.array(z.string()), unchanged: z.int() }),
  ),
  /** Only those that were made now. */
  secrets: z.array(z.object({ realm: z.string(), clientId: z.string(), secret: z.string() })),
});

const exportSchema = z.object({ realms: z.array(z.looseObject({ name: z.string() })) });

export const routes: readonly Route[] = [
  {
    ...administration,
    method: 'POST',
    path: '/realms/:realm/admin/network',
    operationId: 'applyRealmNetwork',
    summary:
      'Apply a network file that holds this realm only. Secrets that were made are shown this once. At most 1 MiB.',
    body,
    responses: { 200: reportSchema },
    handle: applyRealm,
  },
  {
    ...administration,
    method: 'GET',
    path: '/realms/:realm/admin/network',
    operationId: 'exportRealmNetwork',
    summary: 'The realm as a network file, without secrets.',
    responses: { 200: exportSchema },
    handle: exportRealm,
  },
  {
    ...administration,
    method: 'POST',
    path: '/admin/network',
    operationId: 'applyNetwork',
    summary:
      'Apply a network file: all of it or nothing. At most 1 MiB; larger ones by realm, or offline by the command line.',
    body,
    responses: { 200: reportSchema },
    handle: applyAll,
  },
  {
    ...administration,
    method: 'GET',
    path: '/admin/network',
    operationId: 'exportNetwork',
    summary: 'All realms as a network file, without secrets.',
    responses: { 200: exportSchema },
    handle: exportAll,
  },
];

async function applyRealm(call: Call): Promise<Response> {
  const { realm, caller } = await authenticateAdministration(call);
  return json(200, await applyNetwork(call.context, await readFile(call), caller, realm));
}

async function exportRealm(call: Call): Promise<Response> {
  const { realm } = await authenticateAdministration(call);
  return json(200, await exportNetwork(call.context, realm));
}

async function applyAll(call: Call): Promise<Response> {
  const caller = callerOf(call, await authenticateSystemAdministrator(call));
  return json(200, await applyNetwork(call.context, await readFile(call), caller));
}

async function exportAll(call: Call): Promise<Response> {
  await authenticateSystemAdministrator(call);
  return json(200, await exportNetwork(call.context));
}

/** Not `readJson`: the schema belongs to the file, wherever it comes from, and so do its refusals. */
async function readFile(call: Call): Promise<unknown> {
  requireMediaType(call.request, ['application/json']);
  return parseJsonBody(await readBytes(call.request));
}
