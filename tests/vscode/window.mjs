// The window of VS Code, as somebody at the keyboard has it.
import { sleep, until } from './processes.mjs';

export class Window {
  constructor(page) {
    this.page = page;
  }

  rows() {
    return this.page.$$eval('.quick-input-widget .monaco-list-row', found =>
      found.map(each => each.getAttribute('aria-label') || ''));
  }

  focused() {
    return this.page.$$eval('.quick-input-widget .monaco-list-row.focused', found =>
      found.map(each => each.getAttribute('aria-label') || ''));
  }

  get input() {
    return this.page.locator('.quick-input-widget:visible .quick-input-filter input').first();
  }

  async press(...keys) {
    for (const key of keys) {
      this.pressed = Date.now();
      await this.page.keyboard.press(key);
      await sleep(120);
    }
  }

  // Only what is in view is in the page: narrow the list by typing, keeping a prefix such as ">" or "debug ", and take the first row; or click it.
  async pick(text, ms = 8000) {
    const end = Date.now() + ms;
    let [tries, typed, steady] = [0, 0, 0];
    for (let list = []; Date.now() < end; await sleep(150)) {
      if (!(await this.page.locator('.quick-input-widget:visible').count())) {
        throw new Error(`the list closed before ${text}`);
      }
      list = await this.rows();
      const first = list[0] !== undefined && isRow(list[0], text);
      // Enter takes what has the focus by then: a list that is still being narrowed would answer for another row.
      steady = first && (await this.focused()).some(each => isRow(each, text)) ? steady + 1 : 0;
      if (steady > 1) {
        await this.press('Enter');
        return;
      }
      if (first) continue;
      const row = list.find(each => isRow(each, text));
      if (row !== undefined && ++tries > 4) {
        const label = `.quick-input-widget .monaco-list-row[aria-label=${JSON.stringify(row)}]`;
        await this.page.locator(label).first().click({ timeout: 1200 });
        return;
      }
      if (list.length && ++typed === 1) {
        const now = await this.input.inputValue().catch(() => '');
        const prefix = /^(>|debug |task )/.exec(now)?.[0] ?? '';
        await this.input.fill(prefix + text, { timeout: 1000 }).catch(() => {});
      }
    }
    throw new Error(`no entry ${JSON.stringify(text)} in ${JSON.stringify(await this.rows())}`);
  }

  // A terminal that reconnects may take the focus and close a list: then once more.
  async again(act, times = 4) {
    for (let left = times; ; left--) {
      try {
        return await act();
      } catch (error) {
        if (left <= 1) throw error;
        await this.press('Escape');
        await sleep(700);
      }
    }
  }

  command(title) {
    return this.again(async () => {
      await this.press('F1');
      await this.page.locator('.quick-input-widget:visible input').first().waitFor({ timeout: 8000 });
      await this.input.fill(`>${title}`, { timeout: 5000 });
      await sleep(300);
      await this.pick(title, 4000);
    });
  }

  choose(title, text) {
    return this.again(async () => {
      await this.command(title);
      await sleep(500);
      await this.pick(text, 5000);
    });
  }

  terminal() {
    return this.page.$$eval('.terminal-wrapper.active .xterm-rows', found =>
      found.map(each => [...each.children].map(row => row.textContent.replace(/\u00a0/g, ' ').trimEnd())
        .join('\n').trimEnd()).join('\n-----\n'));
  }

  typesIntoTerminal() {
    return this.page.evaluate(() => Boolean(document.activeElement?.closest('.terminal-wrapper.active')));
  }

  texts(selector) {
    return this.page.$$eval(selector, found => found.map(each => each.innerText));
  }

  async sees(selector, pattern, ms) {
    let last = [];
    const shows = async () => (last = await this.texts(selector)).some(text => new RegExp(pattern).test(text));
    await until(shows, ms, `${pattern} in ${selector}`).catch(error => {
      throw new Error(`${error.message}: ${JSON.stringify(last)}`);
    });
  }

  click(selector, text) {
    return this.page.locator(`${selector} .monaco-button`, { hasText: text }).first().click({ timeout: 5000 });
  }

  async debugs() {
    return (await this.page.locator('.debug-toolbar:visible').count()) > 0;
  }
}

// "rocket  Run Backend, detail": the name of an icon comes first.
const isRow = (row, text) =>
  [row, row.replace(/^\S+ {2}/, '')].some(each => each === text || /^[,:]/.test(each.slice(text.length)) && each.startsWith(text));
