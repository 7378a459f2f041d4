import { type Html, html } from '../../kernel/html.ts';
import type { Language } from '../../kernel/language.ts';
import type { Realm } from '../../subject/realm.ts';
import { contactLine } from './contact-line.ts';
import { recoveryTexts } from './recovery-texts.ts';

/** The page that says what a recovery is, how its owner approves it, and how everybody else stops it. The same for every wallet. */
export function recoveryPage(realm: Realm, language: Language): { readonly title: string; readonly body: Html } {
  const texts = recoveryTexts[language];
  const { walletRecoveryHours: hours, contact } = realm.settings;
  const command = (text: string) => html`<br><code>countersign wallet ${text}</code>`;
  const body = html`<p>${hours === null ? texts.off : texts.what(hours)}</p>
<h2>${texts.notYours}</h2>
<ol><li>${texts.stop}${command('recovery cancel')}</li><li>${texts.noDevice}</li><li>${texts.mailbox}</li></ol>
<h2>${texts.yours}</h2>
<ol><li>${texts.approve}${command('recovery approve DID')}</li><li>${texts.wait}</li>
<li>${texts.finish}${command('recover finish')}</li><li>${texts.afterwards}</li></ol>
<h2>${texts.care}</h2>
<ul>${texts.notes.map((note) => html`<li>${note}</li>`)}</ul>
${contactLine(texts.contact, contact)}`;
  return { title: texts.title(realm.name), body };
}
