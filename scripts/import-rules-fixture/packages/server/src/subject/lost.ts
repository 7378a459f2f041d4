export { lost } from './nowhere.ts';
