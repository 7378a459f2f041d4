import { z } from 'zod';
import { administrator } from '../callers/administrator.ts';
import { bearer } from '../callers/bearer.ts';
import { pageOf, pageQuery, pageSchema } from '../http/page.ts';
import { type Route, route } from '../route.ts';
import type { NetworkTable } from './network-entry.store.ts';
import { deleteEntry, pageOfEntries, pageOfVisibleEntries, requireEntry } from './network-entry.ts';

const nullable = z.string().nullable();
const productSchema = z.object({ id: z.string(), name: z.string(), description: nullable });
const networkSchema = productSchema.extend({ productId: nullable, participants: z.array(z.string()) });
/** Exactly as it came in. */
const documentSchema = z.looseObject({ id: z.string() });

interface Kind {
  readonly table: NetworkTable;
  /** The last part of the path. */
  readonly path: string;
  /** For the operation's id. */
  readonly one: string;
  readonly many: string;
  readonly schema: z.ZodType;
  /** The part of them that a participant sees. */
  readonly seen: string;
}

const kinds: readonly Kind[] = [
  {
    table: 'product',
    path: 'products',
    one: 'Product',
    many: 'Products',
    schema: productSchema,
    seen: 'Products by id.',
  },
  {
    table: 'product_network',
    path: 'product-networks',
    one: 'ProductNetwork',
    many: 'ProductNetworks',
    schema: networkSchema,
    seen: 'The product networks that the caller is a member of, by id, with their members.',
  },
  {
    table: 'lender_network_filter',
    path: 'lender-network-filters',
    one: 'LenderNetworkFilter',
    many: 'LenderNetworkFilters',
    schema: documentSchema,
    seen: 'Lender network filters by id: those of the caller, of its networks, and those of no network and no lender.',
  },
  {
    table: 'server_whitelisting_item',
    path: 'server-whitelisting-items',
    one: 'ServerWhitelistingItem',
    many: 'ServerWhitelistingItems',
    schema: documentSchema,
    seen: 'The addresses that the caller and the members of its networks call from, by id.',
  },
];

const administration = { tag: 'Administration', caller: administrator } as const;

export const routes: readonly Route[] = kinds.flatMap(({ table, path, one, many, schema, seen }) => {
  const all = `/realms/:realm/admin/${path}` as const;
  const noun = path.replaceAll('-', ' ');
  return [
    route({
      method: 'GET',
      tag: 'Registry',
      caller: bearer,
      path: `/realms/:realm/service/${path}`,
      operationId: `listVisible${many}`,
      summary: seen,
      query: pageQuery,
      answers: { 200: pageSchema(schema) },
      handle: ({ context, who: { realm, subject }, query }) =>
        pageOfVisibleEntries(context, table, realm.name, participantOf(subject), pageOf(query)),
    }),
    route({
      ...administration,
      method: 'GET',
      path: all,
      operationId: `list${many}`,
      summary: `All ${noun} by id.`,
      query: pageQuery,
      answers: { 200: pageSchema(schema) },
      handle: ({ context, who: { realm }, query }) => pageOfEntries(context, table, realm.name, pageOf(query)),
    }),
    route({
      ...administration,
      method: 'GET',
      path: `${all}/:id`,
      operationId: `read${one}`,
      summary: `One of the ${noun}.`,
      answers: { 200: schema },
      handle: ({ context, who: { realm }, params: { id } }) => requireEntry(context, table, realm.name, id),
    }),
    route({
      ...administration,
      method: 'DELETE',
      path: `${all}/:id`,
      operationId: `delete${one}`,
      summary: `Delete one of the ${noun}.`,
      answers: { 204: 'Deleted.' },
      handle: ({ context, who: { realm, caller }, params: { id } }) =>
        deleteEntry(context, table, realm.name, id, caller),
    }),
  ];
});

function participantOf(subject: { readonly kind: string; readonly participantId?: string | undefined }) {
  return subject.kind === 'participant' ? subject.participantId : undefined;
}
