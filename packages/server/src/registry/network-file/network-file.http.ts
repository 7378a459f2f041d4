import { z } from 'zod';
import { administrator, systemAdministrator } from '../../callers/administrator.ts';
import { parseJsonBody, requireMediaType } from '../../http/body.ts';
import { type Call, type Route, route } from '../../route.ts';
import { applyNetwork } from './apply.ts';
import { exportNetwork } from './export.ts';
import { networkFileSchema } from './schema.ts';

const ofRealm = { tag: 'Administration', caller: administrator, path: '/realms/:realm/admin/network' } as const;
const ofAll = { tag: 'Administration', caller: systemAdministrator, path: '/admin/network' } as const;

/** The rule parses the body itself: schema and refusals are the same for every source of a network file. */
const rawBody = { schema: networkFileSchema, mediaTypes: ['application/json'] } as const;

const reportSchema = z.object({
  realms: z.array(
    z.object({
      name: z.string(),
      created: z.array(z.string()),
      changed: z.array(z.string()),
      /** Only if the file deletes something. */
      deleted: z.array(z.string()).optional(),
      unchanged: z.int(),
      /** Pointers of mappings to offboarded participants, which were passed over. */
      skipped: z.array(z.string()).optional(),
    }),
  ),
  /** Only the secrets that were made now. */
  secrets: z.array(z.object({ realm: z.string(), clientId: z.string(), secret: z.string() })),
});

const exportSchema = z.object({ realms: z.array(z.looseObject({ name: z.string() })) });

export const routes: readonly Route[] = [
  route({
    ...ofRealm,
    method: 'POST',
    operationId: 'applyRealmNetwork',
    summary:
      'Apply a network file that holds this realm only. Secrets that were made are shown this once. At most 1 MiB.',
    rawBody,
    answers: { 200: reportSchema },
    handle: async ({ context, call, who: { realm, caller } }) =>
      applyNetwork(context, await readFile(call), caller, realm.name),
  }),
  route({
    ...ofRealm,
    method: 'GET',
    operationId: 'exportRealmNetwork',
    summary: 'The realm as a network file, without secrets.',
    answers: { 200: exportSchema },
    handle: ({ context, who: { realm } }) => exportNetwork(context, realm.name),
  }),
  route({
    ...ofAll,
    method: 'POST',
    operationId: 'applyNetwork',
    summary:
      'Apply a network file: all of it or nothing. At most 1 MiB; larger ones by realm, or offline by the command line.',
    rawBody,
    answers: { 200: reportSchema },
    handle: async ({ context, call, who: { caller } }) => applyNetwork(context, await readFile(call), caller),
  }),
  route({
    ...ofAll,
    method: 'GET',
    operationId: 'exportNetwork',
    summary: 'All realms as a network file, without secrets.',
    answers: { 200: exportSchema },
    handle: ({ context }) => exportNetwork(context),
  }),
];

async function readFile(call: Call): Promise<unknown> {
  requireMediaType(call.request, ['application/json']);
  return parseJsonBody(await call.bytes());
}
