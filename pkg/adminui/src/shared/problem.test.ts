import { createI18n } from 'vue-i18n'
import { describe, expect, it } from 'vitest'
import { Problem, advice, sentence } from './problem'
import en from './en'

const i18n = createI18n({ legacy: false, locale: 'en', messages: { en } })
const t = i18n.global.t as unknown as (key: string, values?: unknown) => string
const te = (key: string) => i18n.global.te(key)
const say = (p: Problem) => sentence(t, te, p)

describe('sentences', () => {
  it.each([
    [{ error: { code: 'validation_failure', validation_errors: { 'memberAddDto.memberName': ['NotBlank'] } } }, "Missing parameter: 'memberName'"],
    [{ error: { code: 'validation_failure', validation_errors: { 'memberAddDto.memberName': ['Size'] } } }, 'Parameter memberName input exceeds 255 characters'],
    [{ error: { code: 'member_class_exists' } }, 'Member class with the same code already exists'],
    [{ error: { code: 'member_not_found', metadata: ['X:GOV:1'] } }, "Member 'X:GOV:1' not found"],
    [{ error: { code: 'member_not_found' } }, 'Member not found'],
    [{ error: { code: 'made_up_thing' } }, 'The server refused: made up thing'],
    [{}, 'The server could not do this'],
  ])('%j', (body, want) => {
    expect(say(new Problem(500, body, ''))).toBe(want)
  })
  it('advises', () => {
    expect(advice(t, te, new Problem(0, undefined, ''))).toContain('connection')
    expect(advice(t, te, new Problem(409, { error: { code: 'member_class_exists' } }, ''))).toBe('')
  })
})
