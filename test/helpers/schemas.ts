import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { repository } from './run.ts';

export interface Schema {
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly additionalProperties?: boolean;
  readonly [keyword: string]: unknown;
}

const folder = join(repository, 'schemas');

/** The schemas of what commands print with `--json`, by the command's name. */
export const SCHEMAS: ReadonlyMap<string, Schema> = new Map(
  readdirSync(folder).map((file) => [
    file.replace(/\.json$/, ''),
    JSON.parse(readFileSync(join(folder, file), 'utf8')) as Schema,
  ]),
);

const isTime = (text: string) => !Number.isNaN(Date.parse(text)) && new Date(text).toISOString() === text;
const ajv = new Ajv2020({ allowUnionTypes: true, formats: { 'date-time': isTime } });
for (const [name, schema] of SCHEMAS) ajv.addSchema(schema, `${name}.json`);

/** What is wrong with a value that this command printed. Null where nothing is. */
export function findFault(command: string, value: unknown): string | null {
  const validate = ajv.getSchema(`${command}.json`) as ValidateFunction | undefined;
  if (validate === undefined) throw new Error(`schemas/${command}.json is not there`);
  return validate(value) ? null : `${ajv.errorsText(validate.errors)}: ${JSON.stringify(value)}`;
}
