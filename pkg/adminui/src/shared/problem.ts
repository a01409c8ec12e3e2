/** What a server said when it refused: X-Road's error body and the identifier under which the log knows the request. */
export interface ErrorBody {
  status: number
  error?: { code: string; metadata?: string[]; validation_errors?: Record<string, string[]> }
  warnings?: { code: string; metadata?: string[] }[]
}

export class Problem extends Error {
  readonly status: number
  readonly code: string
  readonly metadata: string[]
  /** Field errors by the last part of the field's name: memberName → ["NotBlank"]. */
  readonly fields: Record<string, string[]>
  readonly correlationId: string

  constructor(status: number, body: unknown, correlationId: string) {
    const e = (typeof body === 'object' && body !== null ? (body as ErrorBody).error : undefined)
    super(e?.code ?? `status ${status}`)
    this.status = status
    this.code = e?.code ?? ''
    this.metadata = e?.metadata ?? []
    this.correlationId = correlationId
    this.fields = {}
    for (const [path, codes] of Object.entries(e?.validation_errors ?? {})) this.fields[path.split('.').pop() ?? path] = codes
  }
}

type Translate = (key: string, values?: unknown[] | Record<string, unknown>) => string
type Exists = (key: string) => boolean

/** The sentence of a field error: UC MEMBER_54 2a and 3a word for word, X-Road 7's otherwise. */
export function fieldSentence(t: Translate, te: Exists, name: string, code: string): string {
  if (code === 'NotBlank' || code === 'NotNull') return t('problem.field.missing', { name })
  if (code === 'Size') return t('problem.field.tooLong', { name })
  return te(`problem.field.${code}`) ? t(`problem.field.${code}`) : t('problem.field.other', { name })
}

/** What happened, in the use case's sentence where it has one. */
export function sentence(t: Translate, te: Exists, p: Problem): string {
  const fields = Object.entries(p.fields)
  if (p.code === 'validation_failure' && fields.length > 0) return fields.map(([name, codes]) => fieldSentence(t, te, name, codes[0] ?? '')).join('. ')
  const key = `problem.code.${p.code}`
  if (p.code && te(key)) {
    return t(key, p.metadata).replace(/\s*''|:\s*$/g, '') // a value that the server did not give leaves no empty quotes
  }
  if (p.code) return t('problem.unknown', { code: p.code.replaceAll('_', ' ') })
  return te(`problem.status.${p.status}`) ? t(`problem.status.${p.status}`) : t('problem.status.other')
}

/** What to do now. */
export function advice(t: Translate, te: Exists, p: Problem): string {
  if (te(`problem.advice.${p.code}`)) return t(`problem.advice.${p.code}`)
  if (p.status === 0) return t('problem.advice.network')
  if (p.status >= 500) return t('problem.advice.server')
  if (p.status === 403) return t('problem.advice.forbidden')
  if (p.status === 404) return t('problem.advice.gone')
  return ''
}
