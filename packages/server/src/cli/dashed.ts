import { type Command, InvalidArgumentError } from 'commander';

/**
 * Adds an argument of base64url text, which may begin with a dash. The parser takes such a text for an unknown option,
 * so the command lets those pass, and this argument refuses all but base64url of 32 bytes.
 */
export function withDashed(command: Command, name: string): Command {
  return command.allowUnknownOption().argument(name, '', (text: string) => {
    if (!text.startsWith('-') || /^[\w-]{43}$/.test(text)) return text;
    throw new InvalidArgumentError('There is no such option.');
  });
}
