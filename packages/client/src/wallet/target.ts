import { type Action, actions, actionsOpening, type JsonObject } from '@countersign/proof';
import { listOf, oneOf, wrong } from '@countersign/proof/argument';

/** An empty list is refused as a mistake: no list means every action. */
export function someActions(value: unknown, name: string): readonly Action[] {
  const list = listOf(oneOf(...actions))(value, name) as readonly Action[];
  if (list.length === 0) throw wrong(name, 'a list that is not empty');
  return list;
}

export function targetOf({ invocationTarget }: JsonObject): string {
  return typeof invocationTarget === 'string' ? invocationTarget : '';
}

/** The actions of a capability; the realm always names them. */
export function actionsOf({ allowedAction }: JsonObject): readonly string[] {
  return [allowedAction].flat().filter((action): action is string => typeof action === 'string');
}

const strongestFirst: readonly Action[] = ['grant', ...actions];

/** The action for invoking a call: the first of its actions that the capability allows. */
export function actionFor(path: string, capability: JsonObject): string {
  const opening = actionsOpening(path) ?? strongestFirst;
  const allowed = actionsOf(capability);
  return opening.find((action) => allowed.includes(action)) ?? (opening[0] as Action);
}
