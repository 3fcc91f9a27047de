namespace Sana.Local.Serve;

/// <summary>The scripts of the pages. They put the server's markup in place of older markup and send what buttons and the form ask for; they make none of their own.</summary>
internal static class StatusScript
{
    /// <summary>Keeps the page fresh while somebody looks at it, and carries out its buttons.</summary>
    public const string Live = """
        'use strict';
        const root=document.body.dataset.root,at=id=>document.getElementById(id),note=at('note');
        const rest=ms=>new Promise(done=>setTimeout(done,ms));
        // Only what is shown: the page's own style and script have another nonce each time, and the policy refuses them here.
        const read=text=>new DOMParser().parseFromString(text.slice(text.indexOf('<main'),text.lastIndexOf('</main>')),'text/html');
        let quiet;
        const say=(text,isBad)=>{note.textContent=text;note.className=isBad?'bad':'';clearTimeout(quiet);if(text&&!isBad)quiet=setTimeout(()=>say(''),4000)};
        const why=async answer=>{if(answer.status===401){location.reload();return''}
         try{return(await answer.json()).detail}catch{return`The server answered ${answer.status}.`}};

        // Images that are shown already stay as they are, so that nothing flickers; the focus stays where it was.
        const put=(old,fresh)=>{if(old.isEqualNode(fresh))return;
         const shown=new Map([...old.querySelectorAll('img')].map(image=>[image.getAttribute('src'),image]));
         for(const image of fresh.querySelectorAll('img')){const known=shown.get(image.getAttribute('src'));if(known)image.replaceWith(known)}
         const focus=old.contains(document.activeElement)&&document.activeElement.id;
         old.replaceWith(fresh);if(focus)at(focus)?.focus({preventScroll:true})};

        const refresh=async()=>{try{
         const answer=await fetch(location.pathname+location.search,{cache:'no-store'});
         if(answer.status===401)return location.reload();
         if(!answer.ok)return;
         const page=read(await answer.text());
         for(const fresh of page.querySelectorAll('[data-live]')){const old=at(fresh.id);if(old?.hasAttribute('data-live'))put(old,fresh)}
         document.title=page.querySelector('main').dataset.title;
         if(note.dataset.away){delete note.dataset.away;say('')}
        }catch{note.dataset.away='1';say('The server does not answer.',true)}};
        (async()=>{for(;;){await rest(2000);
         // What somebody has marked to copy it is left alone.
         if(!document.hidden&&getSelection().isCollapsed)await refresh()}})();

        document.addEventListener('click',async event=>{
         const button=event.target.closest('button[data-path]');
         if(!button||(button.dataset.ask&&!confirm(button.dataset.ask)))return;
         button.disabled=true;
         try{
          const answer=await fetch(root+button.dataset.path,{method:button.dataset.method});
          if(answer.ok&&button.hasAttribute('data-reload'))return location.reload();
          say(answer.ok?button.dataset.done:await why(answer),!answer.ok);
          await rest(1100);await refresh();
         }catch{say('The server does not answer.',true)}
         button.disabled=false;
         // Suspend has become Resume: the keyboard goes on where it was.
         if(document.activeElement===document.body)(at(button.id)||document.querySelector('.acts button'))?.focus({preventScroll:true})});

        // Browsers have a clipboard for pages of this machine and of https.
        if(navigator.clipboard)for(const button of document.querySelectorAll('button[data-copy]')){button.hidden=false;
         button.addEventListener('click',async()=>{await navigator.clipboard.writeText(at(button.dataset.copy).textContent);say('Copied.')})}
        """;

    /// <summary>The form: asks for a job under an id of its own and shows the job's part of its page until it has ended. The id stays in the address, so that a reload finds it.</summary>
    public const string Compose = """

        const form=at('make'),go=at('go');
        let watched='';
        const watch=async(id,isNew)=>{watched=id;
         for(;watched===id;await rest(600)){
          try{
           const answer=await fetch(`${root}/runs/job-${id}`,{cache:'no-store'});
           if(answer.status===401)return location.reload();
           if(answer.status===404){at('result').hidden=true;return}
           const part=read(await answer.text()).getElementById('result');
           if(watched!==id||!part)continue;
           part.removeAttribute('data-live');put(at('result'),part);
           if(part.dataset.ended)return isNew&&say('Done.');
          }catch{}
         }};
        const seedsOf=(text,count)=>{
         const first=text?BigInt(text):BigInt(crypto.getRandomValues(new Uint32Array(1))[0]);
         return Array.from({length:count},(_,i)=>BigInt.asUintN(64,first+BigInt(i)))};
        form.addEventListener('submit',async event=>{
         event.preventDefault();
         const field=name=>form.elements[name].value.trim(),number=name=>field(name)?Number(field(name)):undefined;
         const input={prompt:form.elements.prompt.value,width:number('width'),height:number('height'),steps:number('steps')};
         const id='page-'+[...crypto.getRandomValues(new Uint8Array(10))].map(byte=>byte.toString(16).padStart(2,'0')).join('');
         go.disabled=true;say('');
         try{
          if(field('seed').length===20&&BigInt(field('seed'))>18446744073709551615n)throw new RangeError('The seed is a whole number up to 18446744073709551615.');
          // Seeds have more digits than a script's numbers: they are written as they stand.
          const seeds=seedsOf(field('seed'),number('count')??1).join(',');
          const body=`{"priority":7,"input":${JSON.stringify(input).slice(0,-1)},"seeds":[${seeds}]}}`;
          const answer=await fetch(`${root}/v1/jobs/${id}`,{method:'PUT',headers:{'content-type':'application/json'},body});
          if(answer.ok){history.replaceState(null,'','#'+id);watch(id,true)}else say(await why(answer),true);
         }catch(error){say(error instanceof RangeError?error.message:'The server does not answer.',true)}
         go.disabled=false});
        form.elements.prompt.addEventListener('keydown',event=>{
         if(event.key==='Enter'&&!event.shiftKey&&!event.isComposing){event.preventDefault();form.requestSubmit()}});
        if(/^#page-[0-9a-f]{20}$/.test(location.hash))watch(location.hash.slice(1));
        """;

    /// <summary>Sends the key once; what comes back is a cookie.</summary>
    public const string SignIn = """
        'use strict';
        const at=id=>document.getElementById(id);
        at('signin').addEventListener('submit',async event=>{
         event.preventDefault();
         try{
          const answer=await fetch(document.body.dataset.root+'/session',{method:'POST',headers:{authorization:'Bearer '+at('key').value.trim()}});
          if(answer.ok)return location.reload();
          at('why').textContent=answer.status===401?'This is not the key.':`The server answered ${answer.status}.`;
         }catch{at('why').textContent='This cannot be the key, or the server does not answer.'}
         at('key').select()});
        """;
}
