import { Command } from 'commander';
import { blocklistCommands } from './blocklist.ts';
import { capabilityCommands } from './capability.ts';
import { clientCommands } from './client.ts';
import { credentialCommands } from './credential.ts';
import { didCommands } from './did.ts';
import { dumpCommands } from './dump.ts';
import { eventCommands } from './events.ts';
import { factorCommands } from './factor.ts';
import { gatewayCommands } from './gateway.ts';
import { identityCommands } from './identity.ts';
import { keyCommands } from './keys.ts';
import { loginCommands } from './login.ts';
import { networkCommands } from './network.ts';
import { participantCommands } from './participant.ts';
import { passwordCommands } from './password.ts';
import { realmCommands } from './realm.ts';
import { receiptCommands } from './receipt.ts';
import { serveCommands } from './serve.ts';
import { storeCommands } from './store.ts';
import { walletCommands } from './wallet.ts';

/** Every command of `countersign`. Exported so that the reference in `docs/` can be made from it. */
export function createProgram(): Command {
  const program = new Command('countersign')
    .description('Authentication and authorization for networks of participants, wallets and corporate identities.')
    .showHelpAfterError('(countersign --help lists what there is)')
    .configureHelp({ sortSubcommands: true });
  for (const add of [
    serveCommands,
    networkCommands,
    participantCommands,
    clientCommands,
    identityCommands,
    credentialCommands,
    passwordCommands,
    factorCommands,
    loginCommands,
    walletCommands,
    didCommands,
    capabilityCommands,
    keyCommands,
    realmCommands,
    eventCommands,
    receiptCommands,
    storeCommands,
    dumpCommands,
    blocklistCommands,
    gatewayCommands,
  ]) {
    add(program);
  }
  return program;
}
