import type { Selectable } from 'kysely';
import type { Topic } from '../../kernel/cache.ts';
import { verifiedAddressOf } from '../../mail/owner.ts';
import type { Schema } from '../../store/schema.ts';
import { idOf } from './documents-schema.ts';
import type { EntryTable } from './network.store.ts';
import type { Absent, RealmFile, Section } from './schema.ts';

/** A kind of entry: its names, its table, and how to convert it. Participants and members are not here. */
export interface EntryKind<S extends Section = Section, T extends EntryTable = EntryTable> {
  readonly section: S;
  readonly table: T;
  /** The kind in events and reports: `product:…`. */
  readonly noun: string;
  /** Columns of an entry. Undefined where the file says nothing, so that the stored value stays. */
  readonly columns: (entry: Entry<S>) => Readonly<Record<string, string | null | undefined>>;
  /** Values for members that a new entry leaves out. */
  readonly defaults?: Readonly<Record<string, string | null>>;
  readonly timestamps: boolean;
  /** Topic under which the cache keeps such entries, if it does. */
  readonly topic?: Topic;
  /** The entry in the form of the file. */
  readonly toEntry: (row: Selectable<Schema[T]>) => Entry<S>;
}

/** An entry that is to exist. */
export type Entry<S extends Section> = Exclude<NonNullable<RealmFile[S]>[number], Absent>;

function kind<S extends Section, T extends EntryTable>(row: EntryKind<S, T>): EntryKind {
  return row as unknown as EntryKind;
}

/** In the order in which entries may refer to one another. Members of product networks are stored beside them. */
export const entryKinds: readonly EntryKind[] = [
  kind({
    section: 'products',
    table: 'product',
    noun: 'product',
    columns: ({ name, description }) => ({ name, description }),
    defaults: { description: null },
    timestamps: true,
    toEntry: ({ id, name, description }) => ({ id, name, description }),
  }),
  kind({
    section: 'productNetworks',
    table: 'product_network',
    noun: 'product_network',
    columns: ({ name, description, productId }) => ({ name, description, product_id: productId }),
    defaults: { description: null, product_id: null },
    timestamps: true,
    toEntry: ({ id, name, description, product_id }) => ({ id, name, description, productId: product_id }),
  }),
  kind({
    section: 'lenderNetworkFilters',
    table: 'lender_network_filter',
    noun: 'lender_network_filter',
    columns: ({ state: _, ...document }) => ({ document: JSON.stringify(document) }),
    timestamps: false,
    toEntry: ({ document }) => JSON.parse(document),
  }),
  kind({
    section: 'serverWhitelistingItems',
    table: 'server_whitelisting_item',
    noun: 'server_whitelisting_item',
    columns: ({ state: _, ...document }) => ({
      document: JSON.stringify(document),
      participant_id: idOf(document.participantRole),
    }),
    timestamps: false,
    toEntry: ({ document }) => JSON.parse(document),
  }),
  kind({
    section: 'identityProfiles',
    table: 'identity_profile',
    noun: 'identity_profile',
    columns: ({ name }) => ({ name }),
    timestamps: true,
    toEntry: ({ id, name }) => ({ id, name }),
  }),
  kind({
    section: 'passwordProfiles',
    table: 'password_profile',
    noun: 'password_profile',
    topic: 'password_profile',
    columns: ({ configPerCredentialType }) => ({ config: JSON.stringify(configPerCredentialType) }),
    timestamps: true,
    toEntry: ({ id, config }) => ({ id, configPerCredentialType: JSON.parse(config) }),
  }),
  kind({
    section: 'identities',
    table: 'identity',
    noun: 'identity',
    columns: ({ profileId, name }) => ({ profile_id: profileId, name }),
    timestamps: true,
    toEntry: ({ id, profile_id, name }) => ({ id, profileId: profile_id, name }),
  }),
  kind({
    section: 'credentials',
    table: 'credential',
    noun: 'credential',
    columns: ({ identityId, type, code, email }) => ({ identity_id: identityId, type, code, email }),
    defaults: { email: null, verified_email: null },
    timestamps: true,
    toEntry: ({ id, identity_id, type, code, email, verified_email }) => ({
      id,
      identityId: identity_id,
      type: type as 'ROOT' | 'USER',
      code,
      email,
      ...(verifiedAddressOf({ code, email, verifiedEmail: verified_email }) && { emailVerified: true as const }),
    }),
  }),
];
