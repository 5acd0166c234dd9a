package server_test
import ("testing";"fmt";"net/url";"sync";"sync/atomic";"net/http";"io";"foyer/server";"context";"path/filepath")
func BenchmarkSignUp(b *testing.B){
 dir:=b.TempDir()
 s,err:=server.New(b.Context(),server.Config{DataDir:dir,Socket:filepath.Join(dir,"a.sock"),Listen:"127.0.0.1:0"}); if err!=nil{b.Fatal(err)}
 ctx,cancel:=context.WithCancel(context.Background()); done:=make(chan error,1); go func(){done<-s.Run(ctx)}()
 set:=map[string]string{"login_link":"on"}; for _,k:=range []string{"signup_per_ip","login_per_ip","mail_per_address","mail_per_address_day","mail_per_domain","mail_global","accounts_per_base","registrations","queue_messages","hash_queue"}{set["limits."+k]="0"}
 if _,err:=s.Service().SetSettings(b.Context(),"t",set);err!=nil{b.Fatal(err)}
 if _,err:=s.Service().AddCompany(b.Context(),"t","Acme","acme.example");err!=nil{b.Fatal(err)}
 var n atomic.Int64; var g sync.WaitGroup; per:=b.N/8+1; b.ResetTimer()
 for range 8 { g.Go(func(){ c:=&http.Client{Transport:&http.Transport{},CheckRedirect:func(*http.Request,[]*http.Request)error{return http.ErrUseLastResponse}}
  for range per { r,err:=c.PostForm(s.URL()+"/register",url.Values{"first_name":{"Jane"},"last_name":{"Doe"},"email":{fmt.Sprintf("u%d@acme.example",n.Add(1))},"phone":{""}}); if err!=nil{b.Error(err);return}; io.Copy(io.Discard,r.Body); r.Body.Close(); if r.StatusCode!=303{b.Error(r.StatusCode)} } }) }
 g.Wait(); b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(),"signup/s"); b.StopTimer(); cancel(); <-done
}
