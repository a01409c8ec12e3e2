import 'vuetify/styles'
import './base.css'
import { createPinia } from 'pinia'
import { createApp, type Component } from 'vue'
import { createI18n } from 'vue-i18n'
import { createRouter, createWebHistory, type RouteRecordRaw } from 'vue-router'
import { createVuetify } from 'vuetify'
import { aliases, mdi } from 'vuetify/iconsets/mdi-svg'
import { whoAmI } from './api'
import en from './en'
import { useSession } from './session'

interface Interface {
  app: Component
  routes: RouteRecordRaw[]
  texts: Record<string, unknown>
  accent: { light: string; dark: string }
}

const meanings = {
  light: { success: '#1a7a43', info: '#1f5fbf', warning: '#8f5a00', error: '#b3261e' },
  dark: { success: '#5fce8c', info: '#8ab4ff', warning: '#f0b557', error: '#ff8a80' },
}

/** Puts an interface together and shows it. */
export async function start(i: Interface): Promise<void> {
  const dark = localStorage.getItem('theme') ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')
  const vuetify = createVuetify({
    icons: { defaultSet: 'mdi', aliases, sets: { mdi } },
    theme: {
      defaultTheme: dark,
      themes: {
        light: { dark: false, colors: { background: '#f7f7f9', surface: '#ffffff', primary: i.accent.light, bar: i.accent.light, ...meanings.light } },
        dark: { dark: true, colors: { background: '#15161a', surface: '#1d1f25', primary: i.accent.dark, bar: '#1d1f25', ...meanings.dark } },
      },
    },
    defaults: {
      global: { ripple: false },
      VBtn: { rounded: 'lg', variant: 'outlined', class: 'text-none', style: 'letter-spacing:0' },
      VTextField: { variant: 'outlined', density: 'compact', hideDetails: 'auto' },
      VTextarea: { variant: 'outlined', density: 'compact', hideDetails: 'auto' },
      VSelect: { variant: 'outlined', density: 'compact', hideDetails: 'auto' },
      VAutocomplete: { variant: 'outlined', density: 'compact', hideDetails: 'auto' },
      VFileInput: { variant: 'outlined', density: 'compact', hideDetails: 'auto' },
      VCheckbox: { density: 'compact', hideDetails: 'auto' },
      VCard: { rounded: 'lg', variant: 'outlined' },
    },
  })
  const i18n = createI18n({ legacy: false, locale: 'en', fallbackLocale: 'en', messages: { en: { ...en, ...i.texts } as never }, warnHtmlMessage: true })
  const router = createRouter({ history: createWebHistory(), routes: i.routes, scrollBehavior: (_to, _from, saved) => saved ?? { top: 0 } })
  const app = createApp(i.app).use(createPinia()).use(i18n).use(vuetify)
  await whoAmI().catch(() => false)
  router.beforeEach((to) => {
    const user = useSession().user
    if (to.name !== 'login' && !user) return { name: 'login', query: to.fullPath === '/' ? {} : { next: to.fullPath } }
    if (to.name === 'login' && user) return '/'
  })
  app.use(router).mount('#app')
}
