import { applicationStatus, applyForParticipation, changeDetails, pickUpCredentials } from '@countersign/client';
import type { Command } from 'commander';
import { readTextFile } from '../kernel/text-file.ts';
import { connect, online, pagesAt } from './api.ts';
import { withDashed } from './dashed.ts';
import { listing, printList } from './list.ts';
import { print } from './output.ts';
import { issuerOf, type Place, participantKeyCommands, readJwk } from './participant-keys.ts';
import { participantSecretCommand } from './participant-secret.ts';
import { askSecret } from './typed-secret.ts';

interface Application extends Place {
  readonly role: string;
  readonly baseUrl?: string;
  readonly name: string;
  readonly email: string;
  readonly key: string;
  readonly certificate?: string;
  readonly organisation?: string;
}

export function participantCommands(program: Command): void {
  const participant = program
    .command('participant')
    .description('Onboarding, suspension and offboarding of participants.');
  applicantCommands(participant);
  participantKeyCommands(participant);
  listing(online(participant.command('applications')))
    .description('List applications.')
    .action(async (options) => {
      const api = connect(options);
      await printList(options, pagesAt(api, `${api.realm}/registry/applications`), 'items');
    });
  for (const step of ['review', 'approve', 'reject'] as const) {
    const command = online(participant.command(`${step} <application>`)).option(
      '--reason <text>',
      step === 'reject' ? 'told to the applicant, and kept in the event log' : 'kept in the event log',
    );
    if (step === 'approve') command.option('--organisation <id>', 'the organisation of which this is another role');
    command.action(async (id: string, options) => {
      const api = connect(options);
      const { reason, organisation } = options as { reason?: string; organisation?: string };
      const body = {
        ...(reason === undefined ? {} : { reason }),
        ...(organisation === undefined ? {} : { organisationId: organisation }),
      };
      print(await api.post(`${api.realm}/registry/applications/${encodeURIComponent(id)}/${step}`, body));
    });
  }
  listing(online(participant.command('list'))).action(async (options) => {
    const api = connect(options);
    await printList(options, pagesAt(api, `${api.realm}/admin/participants`), 'items');
  });
  online(participant.command('show <participant>')).action(async (id: string, options) => {
    const api = connect(options);
    print(await api.get(`${api.realm}/admin/participants/${encodeURIComponent(id)}`));
  });
  for (const [step, text] of [
    ['suspend', 'Refuse the participant for now; its tokens die.'],
    ['reinstate', 'Let a suspended participant get tokens again; the old ones stay dead.'],
    ['offboard', 'Delete its secrets, remove its resource mappings, kill its tokens. For good.'],
  ] as const) {
    online(participant.command(`${step} <participant>`))
      .description(text)
      .option('--reason <text>', 'kept in the event log')
      .action(async (id: string, options) => {
        const api = connect(options);
        const { reason } = options as { reason?: string };
        const body = reason === undefined ? {} : { reason };
        print(await api.post(`${api.realm}/registry/participants/${encodeURIComponent(id)}/${step}`, body));
      });
  }
  participantSecretCommand(participant);
  online(participant.command('refusals <participant>'))
    .description('What was refused to a participant in the last seven days, and why.')
    .action(async (id: string, options) => {
      const api = connect(options);
      print(await api.get(`${api.realm}/registry/participants/${encodeURIComponent(id)}/refusals`));
    });
  participant
    .command('change <participant>')
    .description('Change the base URL or the contact of a participant, signed with its key.')
    .option('--realm <name>', 'the realm (default: COUNTERSIGN_DEFAULT_REALM)')
    .option('--url <url>', 'the server (default: COUNTERSIGN_PUBLIC_URL)')
    .requiredOption('--key <file>', 'a private key that is valid now, as a JWK or PEM; it never leaves this machine')
    .option('--base-url <url>', 'where other participants call it')
    .option('--contact <address>', 'the e-mail address for the administrators and for notices')
    .action(async (id: string, options: Application & { contact?: string }) => {
      const { key, baseUrl, contact } = options;
      const said = { ...(baseUrl === undefined ? {} : { baseUrl }), ...(contact === undefined ? {} : { contact }) };
      await changeDetails({ issuer: issuerOf(options), participantId: id, currentKey: readJwk(key), ...said });
    });
}

/** Commands of an applicant, who has no credentials yet, only the private key of the public key to register. */
function applicantCommands(participant: Command): void {
  const applicant = (name: string) =>
    participant
      .command(name)
      .option('--realm <name>', 'the realm (default: COUNTERSIGN_DEFAULT_REALM)')
      .option('--url <url>', 'the server (default: COUNTERSIGN_PUBLIC_URL)')
      .requiredOption('--key <file>', 'the private key as a JWK or PEM; it never leaves this machine');
  applicant('apply')
    .description('Apply for a role in the network. Shows a one-time code for the pick-up of the credentials.')
    .requiredOption('--role <role>', 'LENDER, LOAN_AGENT …')
    .requiredOption('--name <name>', 'name of the organisation')
    .requiredOption('--email <address>', 'who to contact')
    .option('--base-url <url>', 'where other participants call it')
    .option(
      '--organisation <id>',
      'your organisation in the registry, if you apply for another role with one of its keys',
    )
    .option('--certificate <file>', 'the PEM certificate of the key: its dates become those of the key')
    .action(async (options: Application) => {
      const { role, name, email, baseUrl, certificate, organisation } = options;
      const application = {
        ...{ role, name, contact: email },
        ...(baseUrl === undefined ? {} : { baseUrl }),
        ...(organisation === undefined ? {} : { organisationId: organisation }),
        ...(certificate === undefined ? {} : { certificate: readTextFile(certificate) }),
      };
      print(
        await applyForParticipation({ issuer: issuerOf(options), privateJwk: readJwk(options.key), ...application }),
      );
    });
  applicant('status <application>')
    .description('Show the state of an application, with a proof by its key.')
    .action(async (id: string, options: Application) => {
      const privateJwk = readJwk(options.key);
      print(await applicationStatus({ issuer: issuerOf(options), privateJwk, applicationId: id }));
    });
  withDashed(applicant('pick-up <application>'), '[code]')
    .description('Receive client id and secret of an approved application, once. On a terminal it asks for the code.')
    .action(async (id: string, given: string | undefined, options: Application) => {
      const code = given ?? (await askSecret('One-time code: ', undefined));
      if (code === undefined) throw new Error('Name the code of the application.');
      print(
        await pickUpCredentials({
          issuer: issuerOf(options),
          privateJwk: readJwk(options.key),
          applicationId: id,
          code,
        }),
      );
    });
}
