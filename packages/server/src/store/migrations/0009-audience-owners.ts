import { type Kysely, sql } from 'kysely';
import { audienceName, organisationOwner } from '../../kernel/audience-name.ts';
import type { Schema } from '../schema.ts';

/** A name in `aud` belongs to one organisation, or to one client without an organisation. */
export const name = '0009-audience-owners';

export const statements: readonly string[] = [
  `create table audience_owner (
     realm text not null, name text not null, owner text not null, primary key (realm, name))`,
];

const pageSize = 500;

interface Located {
  readonly realm: string;
  readonly id: string;
  readonly organisation_id: string;
  readonly base_url: string;
  readonly created_at: number;
}

/**
 * Gives the stored names their owners. If two organisations have the same base URL, it belongs to the one registered
 * first. The others keep it as an address and are reported.
 */
export async function fill(db: Kysely<Schema>, report: (notice: object) => void): Promise<void> {
  await sql`insert into audience_owner (realm, name, owner)
    select realm, id, 'organisation:' || organisation_id from participant where true on conflict do nothing`.execute(
    db,
  );
  await sql`insert into audience_owner (realm, name, owner)
    select client.realm, client.id,
      case when participant.id is null then 'client:' || client.id else 'organisation:' || participant.organisation_id end
    from client left join participant on participant.realm = client.realm and participant.id = client.participant_id
    where true on conflict do nothing`.execute(db);
  let last: Located | undefined;
  do {
    const page: readonly Located[] = await located(db, last);
    await own(db, page, report);
    last = page.length === pageSize ? page.at(-1) : undefined;
  } while (last !== undefined);
}

async function located(db: Kysely<Schema>, last: Located | undefined): Promise<readonly Located[]> {
  const rest =
    last === undefined ? sql`` : sql`and (created_at, realm, id) > (${last.created_at}, ${last.realm}, ${last.id})`;
  const { rows } = await sql<Located>`select realm, id, organisation_id, base_url, created_at from participant
    where base_url is not null and status <> 'OFFBOARDED' ${rest}
    order by created_at, realm, id limit ${sql.lit(pageSize)}`.execute(db);
  return rows;
}

async function own(db: Kysely<Schema>, page: readonly Located[], report: (notice: object) => void): Promise<void> {
  for (const [realm, rows] of Map.groupBy(page, (row) => row.realm)) {
    const claims = rows.map((row) => ({
      realm,
      name: audienceName(row.base_url),
      owner: organisationOwner(row.organisation_id),
    }));
    await db
      .insertInto('audience_owner')
      .values(claims)
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    const names = claims.map((claim) => claim.name);
    const found = await db
      .selectFrom('audience_owner')
      .select(['name', 'owner'])
      .where('realm', '=', realm)
      .where('name', 'in', names)
      .execute();
    const owners = new Map(found.map((row) => [row.name, row.owner]));
    for (const [index, { name: baseUrl, owner }] of claims.entries()) {
      const holder = owners.get(baseUrl);
      if (holder !== owner) report({ realm, participant: rows[index]?.id, baseUrl, owner: holder });
    }
  }
}
