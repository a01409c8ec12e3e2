import { onBeforeUnmount, onMounted, ref, shallowRef, type Ref } from 'vue'
import { Problem } from './problem'

let lastInput = Date.now()
for (const kind of ['pointerdown', 'keydown']) window.addEventListener(kind, () => (lastInput = Date.now()), { passive: true })

/** Polling stops when nobody has touched anything for so long: it would keep the log-in alive for ever. */
const idle = 5 * 60_000
const interval = 10_000

/** Runs again and again while the page is seen and used. */
export function useRefresh(run: () => unknown): void {
  let timer = 0
  onMounted(() => {
    timer = window.setInterval(() => {
      if (document.visibilityState === 'visible' && Date.now() - lastInput < idle) void run()
    }, interval)
  })
  onBeforeUnmount(() => window.clearInterval(timer))
}

export interface Loaded<T> { data: Ref<T | undefined>; problem: Ref<Problem | undefined>; load: () => Promise<void> }

/** Loads at once and keeps fresh. A failed refresh leaves what is shown. */
export function useLoad<T>(fetcher: () => Promise<T>): Loaded<T> {
  const data = shallowRef<T>()
  const problem = ref<Problem>()
  const load = async () => {
    try {
      data.value = await fetcher()
      problem.value = undefined
    } catch (e) {
      problem.value = asProblem(e)
    }
  }
  void load()
  useRefresh(load)
  return { data, problem, load }
}

export function asProblem(e: unknown): Problem {
  return e instanceof Problem ? e : new Problem(-1, { error: { code: String(e) } }, '')
}
