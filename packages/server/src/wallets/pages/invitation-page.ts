import { type Html, html } from '../../kernel/html.ts';
import type { Language } from '../../kernel/language.ts';
import type { Realm } from '../../subject/realm.ts';
import type { ShownInvitation } from '../invitation-view.ts';
import { contactLine } from './contact-line.ts';
import { type InvitationTexts, invitationTexts } from './invitation-texts.ts';

/** The page that says what to do with the code of an invitation. It neither has the code nor asks for it. */
export function invitationPage(
  realm: Realm,
  publicUrl: string,
  language: Language,
  shown: ShownInvitation | undefined,
): { readonly title: string; readonly body: Html } {
  const texts = invitationTexts[language];
  const command = `countersign wallet create --code --realm ${realm.name} --url ${publicUrl}`;
  const body = html`${opening(texts, shown)}
<h2>${texts.whatToDo}</h2>
<ol>${texts.steps.map((step) => html`<li>${step}</li>`)}</ol>
<p>${texts.server} <code>${realm.issuer}</code></p>
<p>${texts.terminal} <code>${command}</code></p>
<h2>${texts.care}</h2>
<ul>${texts.notes.map((note) => html`<li>${note}</li>`)}</ul>
${contactLine(texts.contact, realm.settings.contact)}`;
  return { title: texts.title(realm.name), body };
}

function opening(texts: InvitationTexts, shown: ShownInvitation | undefined): Html {
  if (shown?.isOpen === false) return html`<p><strong>${texts.closed}</strong></p>`;
  const { inviterName = '', message = '' } = shown?.words ?? {};
  return html`<p>${inviterName === '' ? texts.invited : texts.invitedBy(inviterName)}</p>
${message === '' ? html`` : html`<p>${texts.says}</p><blockquote dir="auto">${message}</blockquote>`}
${inviterName + message === '' ? html`` : html`<p class="note">${texts.unchecked}</p>`}`;
}
