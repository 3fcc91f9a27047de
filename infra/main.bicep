targetScope = 'subscription'

// Everything in one resource group: `azd up` makes it, `azd down` removes it. Modules follow the way of a job.

@minLength(1)
@maxLength(40)
@description('Name of the azd environment; part of names and tags.')
param environmentName string

@description('Region of everything. It must have serverless GPUs, Flex Consumption and the Durable Task Scheduler, such as swedencentral, westus3 or australiaeast.')
param location string

@description('Object id of the person who deploys: may upload weights and sources and read outputs. Empty for nobody.')
param operatorId string = ''

@allowed(['T4', 'A100'])
@description('The GPU of a replica. T4 has 16 GB, A100 80 GB.')
param gpu string = 'T4'

@minValue(0)
@maxValue(100)
@description('Replicas that are kept warm, and billed, when there is nothing to do.')
param gpuReplicasMin int = 0

@minValue(1)
@maxValue(100)
@description('Most replicas at once: the bound of GPU spend. The region\'s quota is the other.')
param gpuReplicasMax int = 1

@description('Image of the gpu app; azd fills it after the first deployment.')
param gpuImage string = ''

@description('Folder of the container `weights` that holds the checkpoint, as `sana build` left it.')
param checkpoint string = 'sana-1.6b'

@description('Another decoder than the checkpoint\'s own: a folder of the gpu app, or a repository of the Hugging Face Hub.')
param decoder string = ''

@allowed(['scheduler', 'storage'])
@description('Backend of the orchestrations: Durable Task Scheduler, or Azure Storage.')
param durable string = 'scheduler'

@allowed(['servicebus', 'storage'])
@description('Queue to the GPU: Service Bus, or a queue of Azure Storage.')
param queue string = 'servicebus'

@description('Dataset that the schedule curates from the container `inbox`. Empty for no schedule.')
param curationDataset string = ''

@description('When, as NCRONTAB, UTC.')
param curationCron string = '0 0 2 * * *'

@description('Environment variables that captioners name as api_key_env, with commas between: each is read from a secret of the key vault. Empty for no vault.')
param captionerKeys string = ''

@description('Puts both apps into a virtual network and closes the storage accounts to others.')
param useNetwork bool = false

@description('Who is told of alerts. Empty for nobody: they show in the portal.')
param alertEmail string = ''

@minValue(1)
@description('Monthly budget of the resource group in the currency of the subscription; alerts at 50, 80 and 100 %.')
param monthlyBudget int = 200

@description('First day of the budget, which may not change: azd keeps that of the first deployment.')
param budgetStart string = ''

@description('The month of this deployment.')
param month string = utcNow('yyyy-MM-01')

var tags = { 'azd-env-name': environmentName }
var keys = empty(captionerKeys) ? [] : map(split(captionerKeys, ','), key => trim(key))
var start = empty(budgetStart) ? month : budgetStart
var token = toLower(uniqueString(subscription().id, environmentName, location))

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identities 'identities.bicep' = {
  scope: group
  params: { location: location, token: token, tags: tags }
}

module watch 'watch.bicep' = {
  scope: group
  params: { location: location, token: token, tags: tags }
}

module network 'network.bicep' = if (useNetwork) {
  scope: group
  params: { location: location, token: token, tags: tags }
}

module storage 'storage.bicep' = {
  scope: group
  params: {
    location: location
    token: token
    tags: tags
    subnets: useNetwork ? network!.outputs.subnets : []
  }
}

module bus 'bus.bicep' = {
  scope: group
  params: { location: location, token: token, tags: tags }
}

module scheduler 'scheduler.bicep' = if (durable == 'scheduler') {
  scope: group
  params: { location: location, token: token, tags: tags }
}

module vault 'vault.bicep' = if (!empty(captionerKeys)) {
  scope: group
  params: { location: location, token: token, tags: tags }
}

module registry 'registry.bicep' = {
  scope: group
  params: { location: location, token: token, tags: tags }
}

module access 'access.bicep' = {
  scope: group
  params: {
    orchestratorId: identities.outputs.orchestrator.principalId
    gpuId: identities.outputs.gpu.principalId
    operatorId: operatorId
    hostStorage: storage.outputs.host
    dataStorage: storage.outputs.data
    bus: bus.outputs.namespace
    scheduler: durable == 'scheduler' ? scheduler!.outputs.name : ''
    registry: registry.outputs.name
    insights: watch.outputs.insights
    vault: empty(captionerKeys) ? '' : vault!.outputs.name
    durable: durable
    queue: queue
  }
}

module settings 'settings.bicep' = {
  scope: group
  params: {
    orchestratorClientId: identities.outputs.orchestrator.clientId
    gpuClientId: identities.outputs.gpu.clientId
    hostStorage: storage.outputs.host
    blobEndpoint: storage.outputs.blobEndpoint
    bus: bus.outputs.namespace
    schedulerEndpoint: durable == 'scheduler' ? scheduler!.outputs.endpoint : ''
    insightsConnection: watch.outputs.connection
    checkpoint: checkpoint
    decoder: decoder
    durable: durable
    queue: queue
    curationDataset: curationDataset
    curationCron: curationCron
    captionerKeys: keys
    vault: empty(captionerKeys) ? '' : vault!.outputs.name
  }
}

module orchestrator 'orchestrator.bicep' = {
  scope: group
  params: {
    location: location
    token: token
    tags: union(tags, { 'azd-service-name': 'orchestrator' })
    identity: identities.outputs.orchestrator.id
    deployments: storage.outputs.deployments
    settings: settings.outputs.orchestrator
    subnet: useNetwork ? network!.outputs.flex : ''
  }
  dependsOn: [access]
}

module gpuApp 'gpu.bicep' = {
  scope: group
  params: {
    location: location
    token: token
    tags: tags
    appTags: union(tags, { 'azd-service-name': 'gpu' })
    identity: identities.outputs.gpu.id
    registry: registry.outputs.endpoint
    workspace: watch.outputs.workspace
    image: gpuImage
    gpu: gpu
    replicasMin: gpuReplicasMin
    replicasMax: gpuReplicasMax
    settings: settings.outputs.gpu
    subnet: useNetwork ? network!.outputs.containers : ''
  }
  dependsOn: [access]
}

module alerts 'alerts.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    email: alertEmail
    bus: bus.outputs.namespace
    insights: watch.outputs.insights
    gpuApp: gpuApp.outputs.name
    monthlyBudget: monthlyBudget
    budgetStart: start
  }
}

output AZURE_CONTAINER_REGISTRY_ENDPOINT string = registry.outputs.endpoint
output AZURE_RESOURCE_GROUP string = group.name
output SANA_BUDGET_START string = start
output SANA_DATA_ACCOUNT string = storage.outputs.data
output SANA_GPU_APP string = gpuApp.outputs.name
output SANA_ORCHESTRATOR string = orchestrator.outputs.name
output SANA_URL string = orchestrator.outputs.url
output SANA_VAULT string = empty(captionerKeys) ? '' : vault!.outputs.name
output SANA_WEIGHTS string = '${storage.outputs.blobEndpoint}weights/${checkpoint}'
