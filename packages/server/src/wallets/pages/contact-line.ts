import type { Contact } from '../../kernel/contact.ts';
import { type Html, html } from '../../kernel/html.ts';

/** How to reach the administrators of the realm, as text: a link to another site would be one more to be deceived by. */
export function contactLine(label: string, contact: Contact | null): Html {
  const parts = [contact?.name, contact?.email, contact?.url].filter((part) => part !== undefined);
  return parts.length === 0 ? html`` : html`<p>${label} ${parts.join(', ')}</p>`;
}
