import { type Applying, noteDeleted } from './applying.ts';
import { entryKinds } from './entries.ts';
import { deleteRow, listNetworksOfProduct, readMembers, readRows, removeMembers } from './network.store.ts';
import { invalid } from './refusal.ts';
import { isAbsent, type RealmFile } from './schema.ts';

/**
 * Deletes the entries that the file says are absent, after everything else is written: entries that named them may name
 * others now. An entry that does not exist is as it should be.
 */
export async function deleteAbsent(applying: Applying, file: RealmFile): Promise<void> {
  const { tx, realm, at } = applying;
  // Backwards, because an entry may be named only by later kinds.
  for (const kind of entryKinds.toReversed()) {
    const wanted = (file[kind.section] ?? []).flatMap((entry, index) => (isAbsent(entry) ? [{ ...entry, index }] : []));
    const ids = wanted.map(({ id }) => id);
    const rows = new Map((await readRows(tx.db, kind.table, realm, 'id', ids)).map((row) => [row.id, row]));
    const members = kind.section === 'productNetworks' ? await readMembers(tx.db, realm, ids) : undefined;
    for (const { id, index } of wanted) {
      const row = rows.get(id);
      if (row === undefined) {
        applying.unchanged.count += 1;
        continue;
      }
      const [named] = kind.section === 'products' ? await listNetworksOfProduct(tx.db, realm, id) : [];
      if (named !== undefined) {
        throw invalid(`${at}/${kind.section}/${index}`, `the product network ${named} has this product`);
      }
      if (members !== undefined) await removeMembers(tx.db, realm, id);
      await deleteRow(tx.db, kind.table, realm, id);
      const before = { ...kind.toEntry(row as never), ...(members && { participants: members.get(id) ?? [] }) };
      await noteDeleted(applying, `${kind.noun}:${id}`, before);
    }
  }
}
