import { sql } from 'kysely';

export const page = sql;
