import { type Action, actions, actionsOpening, type JsonObject } from '@countersign/proof';

export function targetOf({ invocationTarget }: JsonObject): string {
  return typeof invocationTarget === 'string' ? invocationTarget : '';
}

/** What a capability allows; the realm gives none without naming it. */
export function actionsOf({ allowedAction }: JsonObject): readonly string[] {
  return [allowedAction].flat().filter((action): action is string => typeof action === 'string');
}

const strongestFirst: readonly Action[] = ['grant', ...actions];

/** What a call is invoked as: of the actions that open it, the first that the capability allows. */
export function actionFor(path: string, capability: JsonObject): string {
  const opening = actionsOpening(path) ?? strongestFirst;
  const allowed = actionsOf(capability);
  return opening.find((action) => allowed.includes(action)) ?? (opening[0] as Action);
}
