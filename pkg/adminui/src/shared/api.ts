import createClient from 'openapi-fetch'
import { Problem } from './problem'
import { useSession, type User } from './session'

function token(): string {
  return /(?:^|; )XSRF-TOKEN=([^;]*)/.exec(document.cookie)?.[1] ?? ''
}

async function reach(request: Request): Promise<Response> {
  try {
    return await fetch(request)
  } catch {
    throw new Problem(0, undefined, '')
  }
}

/** A fetch that carries the CSRF token and, when the log-in has run out, asks for it again and repeats the request. */
export async function ask(request: Request): Promise<Response> {
  const send = (): Promise<Response> => {
    const copy = request.clone()
    copy.headers.set('X-XSRF-TOKEN', token())
    return reach(copy)
  }
  const answer = await send()
  const session = useSession()
  if (answer.status !== 401 || !session.user) return answer
  await session.again()
  return send()
}

export function makeClient<Paths extends object>() {
  return createClient<Paths>({ baseUrl: '/api/v1', fetch: ask, querySerializer: { array: { style: 'form', explode: true } } })
}

interface Answer { data?: unknown; error?: unknown; response: Response }

/** The answer's data, or its Problem thrown. */
export async function get<T extends Answer>(pending: Promise<T>): Promise<NonNullable<T['data']>> {
  const { data, error, response } = await pending
  if (!response.ok) throw new Problem(response.status, error, response.headers.get('x-road-ui-correlation-id') ?? '')
  return data as NonNullable<T['data']>
}

/** A request outside the typed client: uploads, downloads and the shell's own operations. */
export async function plain(method: string, path: string, body?: unknown): Promise<Response> {
  const init: RequestInit = { method }
  if (body instanceof FormData) init.body = body
  else if (body !== undefined) {
    init.body = JSON.stringify(body)
    init.headers = { 'Content-Type': 'application/json' }
  }
  const answer = await ask(new Request(`/api/v1${path}`, init))
  if (!answer.ok) throw new Problem(answer.status, await answer.json().catch(() => undefined), answer.headers.get('x-road-ui-correlation-id') ?? '')
  return answer
}

/** Saves what a path answers under the name that the server gives it. */
export async function download(path: string): Promise<void> {
  const answer = await plain('GET', path)
  const name = /filename="?([^";]+)"?/.exec(answer.headers.get('Content-Disposition') ?? '')?.[1] ?? 'download'
  const link = document.createElement('a')
  link.href = URL.createObjectURL(await answer.blob())
  link.download = name
  link.click()
  URL.revokeObjectURL(link.href)
}

export async function logIn(username: string, password: string): Promise<void> {
  const answer = await reach(new Request('/login', { method: 'POST', body: new URLSearchParams({ username, password }) }))
  if (!answer.ok) throw new Problem(answer.status, undefined, answer.headers.get('x-road-ui-correlation-id') ?? '')
  await whoAmI()
}

export async function logOut(): Promise<void> {
  await reach(new Request('/logout', { method: 'POST' }))
  useSession().user = undefined
}

/** Fills the session; false when nobody is logged in. */
export async function whoAmI(): Promise<boolean> {
  const request = new Request('/api/v1/user')
  request.headers.set('X-XSRF-TOKEN', token())
  const answer = await reach(request)
  if (!answer.ok) return false
  useSession().user = (await answer.json()) as User
  return true
}
