import type { Language } from '../../kernel/language.ts';

/** The texts of the page that explains an invitation. */
export interface InvitationTexts {
  readonly title: (realm: string) => string;
  readonly invited: string;
  readonly invitedBy: (inviter: string) => string;
  readonly says: string;
  readonly unchecked: string;
  /** The invitation was used or cancelled, or has expired. */
  readonly closed: string;
  readonly whatToDo: string;
  readonly steps: readonly string[];
  /** Before the address of the realm, which the wallet asks for. */
  readonly server: string;
  /** Before a command, for people who use one. */
  readonly terminal: string;
  readonly care: string;
  readonly notes: readonly string[];
  readonly contact: string;
}

export const invitationTexts: Readonly<Record<Language, InvitationTexts>> = {
  en: {
    title: (realm) => `Your invitation to a wallet of ${realm}`,
    invited: 'You got a mail with a code for a new wallet.',
    invitedBy: (inviter) => `You got a mail with a code for a new wallet. The invitation gives this name: ${inviter}`,
    says: 'The inviter says:',
    unchecked: 'The name and the words are the inviter’s own. This server has not checked them.',
    closed:
      'This invitation is no longer open: it was used or cancelled, or its time is over. Ask for a new one if you need it.',
    whatToDo: 'What to do with the code',
    steps: [
      'Open your wallet app. If you have none yet, ask the inviter which one to use.',
      'Let it create a new wallet. If it asks for a server, give the address below.',
      'When it asks for the security code, copy the code from the mail. It begins with csw_.',
      'Your device makes a key of its own, which never leaves it. The code is then used up.',
    ],
    server: 'Address of the server:',
    terminal: 'In a terminal:',
    care: 'Take care',
    notes: [
      'Enter the code only in your wallet. No web page needs it, and neither does this one.',
      'Who has the code can take the wallet in your place. Do not pass on the mail.',
      'The code works once, until the time in the mail. If it is too late, ask the inviter to send the invitation again: the new code takes the place of the old one.',
      'If you expect no invitation, do nothing. Without the code nothing happens.',
    ],
    contact: 'Questions? The administrators:',
  },
  hi: {
    title: (realm) => `${realm} के वॉलेट के लिए आपका निमंत्रण`,
    invited: 'आपको नए वॉलेट के कोड के साथ एक ईमेल मिला है।',
    invitedBy: (inviter) => `आपको नए वॉलेट के कोड के साथ एक ईमेल मिला है। निमंत्रण में यह नाम दिया गया है: ${inviter}`,
    says: 'निमंत्रण देने वाले ने लिखा है:',
    unchecked: 'नाम और शब्द निमंत्रण देने वाले के अपने हैं। इस सर्वर ने उनकी जाँच नहीं की है।',
    closed:
      'यह निमंत्रण अब खुला नहीं है: इसका उपयोग हो चुका है, इसे रद्द किया गया है, या इसका समय समाप्त हो गया है। ज़रूरत हो तो नया निमंत्रण माँगें।',
    whatToDo: 'कोड का क्या करना है',
    steps: [
      'अपना वॉलेट ऐप खोलें। अगर आपके पास अभी कोई ऐप नहीं है, तो निमंत्रण देने वाले से पूछें कि कौन-सा ऐप इस्तेमाल करना है।',
      'ऐप में नया वॉलेट बनाएँ। अगर ऐप सर्वर पूछे, तो नीचे दिया गया पता डालें।',
      'जब ऐप सुरक्षा कोड माँगे, तो ईमेल से कोड कॉपी करें। कोड csw_ से शुरू होता है।',
      'आपका डिवाइस अपनी कुंजी बनाता है, जो कभी डिवाइस से बाहर नहीं जाती। इसके बाद कोड दोबारा काम नहीं करता।',
    ],
    server: 'सर्वर का पता:',
    terminal: 'टर्मिनल में:',
    care: 'सावधान रहें',
    notes: [
      'कोड केवल अपने वॉलेट में डालें। किसी वेब पेज को इसकी ज़रूरत नहीं है, इस पेज को भी नहीं।',
      'जिसके पास कोड है, वह आपकी जगह वॉलेट ले सकता है। यह ईमेल किसी को न भेजें।',
      'कोड केवल एक बार, ईमेल में दिए गए समय तक काम करता है। समय निकल जाए तो निमंत्रण देने वाले से दोबारा भेजने को कहें: नया कोड पुराने कोड की जगह ले लेता है।',
      'अगर आपको निमंत्रण की उम्मीद नहीं थी, तो कुछ न करें। कोड के बिना कुछ नहीं होता।',
    ],
    contact: 'कोई सवाल? व्यवस्थापक:',
  },
  pt: {
    title: (realm) => `O seu convite para uma carteira de ${realm}`,
    invited: 'Recebeu um e-mail com um código para uma carteira nova.',
    invitedBy: (inviter) =>
      `Recebeu um e-mail com um código para uma carteira nova. O convite indica este nome: ${inviter}`,
    says: 'Quem convida escreve:',
    unchecked: 'O nome e as palavras são de quem convida. Este servidor não os verificou.',
    closed:
      'Este convite já não está aberto: foi usado ou cancelado, ou o prazo terminou. Se precisar, peça um convite novo.',
    whatToDo: 'O que fazer com o código',
    steps: [
      'Abra a sua aplicação de carteira. Se ainda não tem nenhuma, pergunte a quem o convidou qual deve usar.',
      'Crie nela uma carteira nova. Se pedir um servidor, indique o endereço abaixo.',
      'Quando pedir o código de segurança, copie o código do e-mail. Começa por csw_.',
      'O seu dispositivo cria uma chave própria, que nunca sai dele. Depois disso o código já não serve.',
    ],
    server: 'Endereço do servidor:',
    terminal: 'Num terminal:',
    care: 'Tenha cuidado',
    notes: [
      'Introduza o código apenas na sua carteira. Nenhuma página web precisa dele, nem esta.',
      'Quem tiver o código pode ficar com a carteira em seu lugar. Não reencaminhe o e-mail.',
      'O código funciona uma única vez, até à hora indicada no e-mail. Se for tarde, peça que o convite seja enviado de novo: o código novo substitui o anterior.',
      'Se não espera nenhum convite, não faça nada. Sem o código nada acontece.',
    ],
    contact: 'Perguntas? A administração:',
  },
  fr: {
    title: (realm) => `Votre invitation à un portefeuille de ${realm}`,
    invited: 'Vous avez reçu un e-mail avec un code pour un nouveau portefeuille.',
    invitedBy: (inviter) =>
      `Vous avez reçu un e-mail avec un code pour un nouveau portefeuille. L’invitation donne ce nom : ${inviter}`,
    says: 'La personne qui vous invite écrit :',
    unchecked: 'Le nom et le message sont ceux de cette personne. Ce serveur ne les a pas vérifiés.',
    closed:
      'Cette invitation n’est plus ouverte : elle a été utilisée ou annulée, ou son délai est passé. Demandez-en une nouvelle si nécessaire.',
    whatToDo: 'Que faire du code',
    steps: [
      'Ouvrez votre application de portefeuille. Si vous n’en avez pas encore, demandez à la personne qui vous invite laquelle utiliser.',
      'Créez-y un nouveau portefeuille. Si elle demande un serveur, donnez l’adresse ci-dessous.',
      'Quand elle demande le code de sécurité, copiez le code de l’e-mail. Il commence par csw_.',
      'Votre appareil crée sa propre clé, qui ne le quitte jamais. Ensuite, le code ne sert plus.',
    ],
    server: 'Adresse du serveur :',
    terminal: 'Dans un terminal :',
    care: 'Soyez prudent',
    notes: [
      'Saisissez le code uniquement dans votre portefeuille. Aucune page web n’en a besoin, pas même celle-ci.',
      'Toute personne qui a le code peut prendre le portefeuille à votre place. Ne transférez pas l’e-mail.',
      'Le code ne fonctionne qu’une fois, jusqu’à l’heure indiquée dans l’e-mail. S’il est trop tard, demandez que l’invitation soit renvoyée : le nouveau code remplace l’ancien.',
      'Si vous n’attendez pas d’invitation, ne faites rien. Sans le code, rien ne se passe.',
    ],
    contact: 'Des questions ? L’administration :',
  },
};
