/** Another process that keeps an SQLite database to itself: `node lock-database.ts <path>`. */
import { DatabaseSync } from 'node:sqlite';

const database = new DatabaseSync(process.argv[2] ?? '');
database.exec('begin exclusive');
process.send?.('locked');
process.once('disconnect', () => process.exit(0));
