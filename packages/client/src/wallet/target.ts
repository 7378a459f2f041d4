import { type Action, actions, actionsOpening, type JsonObject } from '@countersign/proof';
import { listOf, oneOf, wrong } from '@countersign/proof/argument';

/** An empty list is a mistake: left out, it means everything. */
export function someActions(value: unknown, name: string): readonly Action[] {
  const list = listOf(oneOf(...actions))(value, name) as readonly Action[];
  if (list.length === 0) throw wrong(name, 'a list that is not empty');
  return list;
}

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
