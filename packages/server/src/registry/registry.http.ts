import { cryptoPort } from '@countersign/client/node-crypto';
import { encodeBase64url } from '@countersign/proof';
import { z } from 'zod';
import { bearer } from '../callers/bearer.ts';
import type { Context } from '../context.ts';
import { hasVersion, notModified } from '../http/conditional.ts';
import { pathName } from '../http/name.ts';
import { json } from '../http/render.ts';
import { type Call, type Route, route } from '../route.ts';
import { requireParticipant, roles } from './participant.ts';
import { membersByRole, requireDocument, requireProduct, whitelistingItemsOf } from './product-network.ts';
import { registryEntry, registryEntrySchema } from './registry-entry.ts';

/** OCEN's registry, which every participant and client of the realm reads. Paths, names and shapes are OCEN's. */
const common = { method: 'GET', tag: 'Registry', caller: bearer } as const;
const service = '/realms/:realm/service' as const;

/** Seconds. Short, so that caching readers soon learn of a retired key or a suspension. */
const maxAge = 10;

/** A lender network filter or a whitelisting item, exactly as it came in. */
const documentSchema = z.looseObject({ id: z.string() });

export const routes: readonly Route[] = [
  read(
    `${service}/participant-roles/:id`,
    'getParticipantDetails',
    'One participant: its role, status, base URL and public keys.',
    registryEntrySchema,
    async (context, realm, id) => registryEntry(await requireParticipant(context, realm, id), context.clock.now()),
  ),
  read(
    `${service}/product-networks/:id/participants`,
    'getNetworkParticipantDetails',
    'The participants of a product network by role.',
    z.partialRecord(z.enum(roles), z.array(registryEntrySchema)),
    networkMembers,
  ),
  read(
    `${service}/products/:id`,
    'getProduct',
    'One product.',
    z.object({ data: z.object({ id: z.string(), name: z.string(), description: z.string().nullable() }) }),
    async (context, realm, id) => ({ data: await requireProduct(context, realm, id) }),
  ),
  read(
    `${service}/lender-network-filters/:id`,
    'getLenderNetworkFilter',
    'What a lender asks of a product network.',
    documentSchema,
    (context, realm, id) => requireDocument(context, 'lender_network_filter', realm, id),
  ),
  read(
    `${service}/server-whitelisting-items/:id`,
    'getServerWhitelistingItem',
    'One address that a participant calls from.',
    documentSchema,
    (context, realm, id) => requireDocument(context, 'server_whitelisting_item', realm, id),
  ),
  read(
    `${service}/participant-roles/server-whitelisting-items/:id`,
    'getServerWhitelistingItemsOfParticipant',
    'All addresses that a participant calls from.',
    z.array(documentSchema),
    whitelistingItemsOf,
  ),
];

function read(
  path: string,
  operationId: string,
  summary: string,
  schema: z.ZodType,
  rule: (context: Context, realm: string, id: string) => Promise<unknown>,
): Route {
  return route({
    ...common,
    path,
    operationId,
    summary,
    answers: { 200: schema, 304: 'Not modified.' },
    handle: async ({ context, call, who: { realm } }) =>
      answer(call, await rule(context, realm.name, pathName(call, 'id'))),
  });
}

async function networkMembers(context: Context, realm: string, id: string): Promise<object> {
  const now = context.clock.now();
  const members = await membersByRole(context, realm, id);
  return Object.fromEntries([...members].map(([role, list]) => [role, list.map((one) => registryEntry(one, now))]));
}

/** The ETag hashes the answer, so it also changes when a key begins or ends as time passes. */
function answer(call: Call, value: unknown): Response {
  const digest = cryptoPort.sha256(new TextEncoder().encode(JSON.stringify(value)));
  const headers = { etag: `"${encodeBase64url(digest)}"`, 'cache-control': `private, max-age=${maxAge}` };
  return hasVersion(call.request, headers.etag) ? notModified(headers) : json(200, value, headers);
}
