import type { Language } from '../../kernel/language.ts';

/** The texts of the page that explains a recovery. A command follows each text of `approve`, `finish` and `stop`. */
export interface RecoveryTexts {
  readonly title: (realm: string) => string;
  readonly what: (hours: number) => string;
  readonly off: string;
  readonly yours: string;
  readonly approve: string;
  readonly wait: string;
  readonly finish: string;
  readonly afterwards: string;
  readonly notYours: string;
  readonly stop: string;
  readonly noDevice: string;
  readonly mailbox: string;
  readonly care: string;
  readonly notes: readonly string[];
  readonly contact: string;
}

export const recoveryTexts: Readonly<Record<Language, RecoveryTexts>> = {
  en: {
    title: (realm) => `Recovery of a wallet of ${realm}`,
    what: (hours) =>
      `Somebody who reads the mails of the wallet’s address asked to give the wallet a new device. It takes ${hours} hours, so that the owner can stop it.`,
    off: 'Wallets of this realm are not recovered at present. A recovery that runs will fail.',
    yours: 'If it was you',
    approve:
      'If a device of the wallet is at hand, approve there the DID that the new device shows. Do it before you use that device for anything else, because any other use stops the recovery.',
    wait: 'If no device is left, wait. If none was used within 30 days before the start, the code comes by mail at the end. Otherwise the recovery fails, and you can begin again 31 days after the last use.',
    finish: 'Enter the code of the last mail on the new device, which began the recovery.',
    afterwards:
      'For 72 hours the wallet can then only be read. All other devices, and everybody who was let in, have lost it.',
    notYours: 'If it was not you',
    stop: 'Use any device of the wallet. That stops the recovery, and so does this command:',
    noDevice: 'If no device is at hand, ask the administrators to stop it.',
    mailbox: 'Then change the password of the mailbox: another person reads it.',
    care: 'Take care',
    notes: [
      'Compare the DID with the one that your new device shows, to its last letter. Approve none that you know only from a mail, a call or a chat.',
      'Enter codes only in your wallet. No web page needs them, and neither does this one.',
      'Administrators never ask for a code, and they cannot begin, approve or shorten a recovery.',
    ],
    contact: 'The administrators:',
  },
  hi: {
    title: (realm) => `${realm} के वॉलेट की रिकवरी`,
    what: (hours) =>
      `वॉलेट के पते के ईमेल पढ़ने वाले किसी व्यक्ति ने वॉलेट को नया डिवाइस देने के लिए कहा है। इसमें ${hours} घंटे लगते हैं, ताकि मालिक इसे रोक सके।`,
    off: 'इस realm के वॉलेट अभी रिकवर नहीं किए जाते। चल रही रिकवरी विफल हो जाएगी।',
    yours: 'अगर यह आपने किया है',
    approve:
      'अगर वॉलेट का कोई डिवाइस आपके पास है, तो उस पर नए डिवाइस में दिख रहे DID को स्वीकृति दें। उस डिवाइस का कोई और उपयोग करने से पहले यह करें, क्योंकि कोई भी दूसरा उपयोग रिकवरी को रोक देता है।',
    wait: 'अगर कोई डिवाइस नहीं बचा है, तो प्रतीक्षा करें। अगर शुरुआत से पहले के 30 दिनों में किसी डिवाइस का उपयोग नहीं हुआ था, तो अंत में कोड ईमेल से आता है। नहीं तो रिकवरी विफल होती है, और आप आख़िरी उपयोग के 31 दिन बाद फिर शुरू कर सकते हैं।',
    finish: 'आख़िरी ईमेल का कोड उस नए डिवाइस पर डालें, जिसने रिकवरी शुरू की थी।',
    afterwards: 'इसके बाद 72 घंटे तक वॉलेट केवल पढ़ा जा सकता है। बाकी सभी डिवाइस, और जिन्हें अनुमति दी गई थी, वे सब वॉलेट खो देते हैं।',
    notYours: 'अगर यह आपने नहीं किया है',
    stop: 'वॉलेट के किसी भी डिवाइस का उपयोग करें। इससे रिकवरी रुक जाती है, और इस कमांड से भी:',
    noDevice: 'अगर कोई डिवाइस पास नहीं है, तो व्यवस्थापकों से इसे रोकने को कहें।',
    mailbox: 'फिर इस ईमेल खाते का पासवर्ड बदलें: कोई और इसे पढ़ रहा है।',
    care: 'सावधान रहें',
    notes: [
      'DID को अपने नए डिवाइस में दिख रहे DID से आख़िरी अक्षर तक मिलाएँ। ऐसे किसी DID को स्वीकृति न दें, जिसे आप केवल ईमेल, फ़ोन या चैट से जानते हैं।',
      'कोड केवल अपने वॉलेट में डालें। किसी वेब पेज को उनकी ज़रूरत नहीं है, इस पेज को भी नहीं।',
      'व्यवस्थापक कभी कोड नहीं माँगते, और वे रिकवरी को शुरू, स्वीकृत या छोटा नहीं कर सकते।',
    ],
    contact: 'व्यवस्थापक:',
  },
  pt: {
    title: (realm) => `Recuperação de uma carteira de ${realm}`,
    what: (hours) =>
      `Alguém que lê os e-mails do endereço da carteira pediu que ela receba um dispositivo novo. Demora ${hours} horas, para que o dono possa impedi-lo.`,
    off: 'De momento as carteiras deste domínio não são recuperadas. Uma recuperação em curso falhará.',
    yours: 'Se foi você',
    approve:
      'Se tem à mão um dispositivo da carteira, aprove nele o DID que o dispositivo novo mostra. Faça-o antes de usar esse dispositivo para outra coisa, porque qualquer outro uso interrompe a recuperação.',
    wait: 'Se já não tem nenhum dispositivo, espere. Se nenhum foi usado nos 30 dias antes do início, o código chega por e-mail no fim. Caso contrário a recuperação falha, e pode recomeçar 31 dias depois do último uso.',
    finish: 'Introduza o código do último e-mail no dispositivo novo, o que iniciou a recuperação.',
    afterwards:
      'Depois, durante 72 horas, a carteira só pode ser lida. Todos os outros dispositivos, e quem tinha acesso, perderam-na.',
    notYours: 'Se não foi você',
    stop: 'Use qualquer dispositivo da carteira. Isso interrompe a recuperação, e este comando também:',
    noDevice: 'Se não tem nenhum dispositivo à mão, peça à administração que a interrompa.',
    mailbox: 'Depois mude a palavra-passe da caixa de correio: há outra pessoa a lê-la.',
    care: 'Tenha cuidado',
    notes: [
      'Compare o DID com o que o seu dispositivo novo mostra, até à última letra. Não aprove nenhum que só conheça por e-mail, telefone ou chat.',
      'Introduza códigos apenas na sua carteira. Nenhuma página web precisa deles, nem esta.',
      'A administração nunca pede códigos, e não pode iniciar, aprovar nem encurtar uma recuperação.',
    ],
    contact: 'A administração:',
  },
  fr: {
    title: (realm) => `Récupération d’un portefeuille de ${realm}`,
    what: (hours) =>
      `Une personne qui lit les e-mails de l’adresse du portefeuille a demandé qu’il reçoive un nouvel appareil. Cela prend ${hours} heures, pour que le propriétaire puisse l’arrêter.`,
    off: 'Les portefeuilles de ce domaine ne sont pas récupérés en ce moment. Une récupération en cours échouera.',
    yours: 'Si c’était vous',
    approve:
      'Si vous avez un appareil du portefeuille sous la main, approuvez-y le DID que le nouvel appareil affiche. Faites-le avant toute autre utilisation de cet appareil, car toute autre utilisation arrête la récupération.',
    wait: 'Si vous n’avez plus aucun appareil, attendez. Si aucun n’a été utilisé dans les 30 jours avant le début, le code arrive par e-mail à la fin. Sinon la récupération échoue, et vous pouvez recommencer 31 jours après la dernière utilisation.',
    finish: 'Saisissez le code du dernier e-mail sur le nouvel appareil, celui qui a commencé la récupération.',
    afterwards:
      'Ensuite, pendant 72 heures, le portefeuille peut seulement être lu. Tous les autres appareils, et toute personne qui avait un accès, l’ont perdu.',
    notYours: 'Si ce n’était pas vous',
    stop: 'Utilisez n’importe quel appareil du portefeuille. Cela arrête la récupération, et cette commande aussi :',
    noDevice: 'Si vous n’avez aucun appareil sous la main, demandez à l’administration de l’arrêter.',
    mailbox: 'Changez ensuite le mot de passe de la boîte aux lettres : une autre personne la lit.',
    care: 'Soyez prudent',
    notes: [
      'Comparez le DID avec celui que votre nouvel appareil affiche, jusqu’à la dernière lettre. N’en approuvez aucun que vous ne connaissez que par e-mail, téléphone ou messagerie.',
      'Saisissez les codes uniquement dans votre portefeuille. Aucune page web n’en a besoin, pas même celle-ci.',
      'L’administration ne demande jamais de code, et ne peut ni commencer, ni approuver, ni raccourcir une récupération.',
    ],
    contact: 'L’administration :',
  },
};
