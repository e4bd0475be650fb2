import { join } from 'node:path';
import { cleanEnv } from '../../../fixtures/releases.ts';
import type { Act } from '../acts.ts';
import { must } from '../context.ts';
import { build, writeSources } from '../project.ts';
import { copyProject } from '../releases.ts';

const ENV = { ...cleanEnv, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };

/** A repository that holds its build, in two releases; out of the one, into the other, and back at once. */
export const checkedOut: Act = {
  name: 'checked-out',
  what: '`git checkout` there and back',
  target: 0,
  async run({ root }, release) {
    const git = (...words: string[]) =>
      must(
        'git',
        ['-c', 'user.name=bench', '-c', 'user.email=bench@localhost', '-c', 'gc.auto=0', ...words],
        root,
        ENV,
      );
    const other = copyProject(root, join(root, '../other'));
    writeSources(other, `${release}-other`);
    await build(other, 'esbuild');
    git('init', '--quiet', '--initial-branch=here');
    git('add', '--all', '--force');
    git('commit', '--quiet', '-m', 'here');
    // Made without a word on what is watched.
    git(`--work-tree=${other}`, 'add', '--all', '--force');
    const tree = git('write-tree').trim();
    git('branch', 'there', git('commit-tree', tree, '-p', 'here', '-m', 'there').trim());
    git('read-tree', 'here');
    git('update-index', '-q', '--refresh');
    must('sh', ['-c', 'git checkout --quiet there && git checkout --quiet here'], root, ENV);
    return release;
  },
};
